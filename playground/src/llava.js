/**
 * llava-mini: a CLIP tower, a projector and a Llama decoder, with a switch for every part.
 *
 * The same arithmetic as transformers' `LlavaForConditionalGeneration`; a test compares answers.
 */

import {
  added, attention, gelu, layerNorm, linear, logSoftmax, quickGelu, rmsNorm, rotate, silu,
} from "./tensors.js";
import { allOn } from "./switches.js";
import { answersOf, promptOf, Tokenizer } from "./tokenizer.js";

/** @typedef {import("./safetensors.js").Tensor} Tensor */
/** @typedef {import("./tokenizer.js").Question} Question */

/**
 * What is switched off: whole attentions, MLPs, and heads of a layer.
 * @typedef {object} Switches
 * @property {Set<number>} attention layers
 * @property {Set<number>} mlp layers
 * @property {Map<number, Set<number>>} heads by layer
 */

/**
 * @typedef {object} Answer
 * @property {number[]} logs log-probability of each option
 * @property {number} chosen the number of the most probable option
 * @property {number[][]} lens for each layer, what it would answer: log-probabilities
 * @property {number[][]} looks for each layer, how much the answer looks at each patch, a mean
 *   over heads
 */

export class Llava {
  /**
   * @param {any} config what `config.json` holds
   * @param {Map<string, Tensor>} tensors
   * @param {Tokenizer} tokenizer
   */
  constructor(config, tensors, tokenizer) {
    this.tensors = tensors;
    this.tokenizer = tokenizer;
    this.text = config.text_config;
    this.vision = config.vision_config;
    this.layers = this.text.num_hidden_layers;
    this.heads = this.text.num_attention_heads;
    this.patches = (this.vision.image_size / this.vision.patch_size) ** 2;
  }

  /** @param {string} name @returns {Tensor} */
  tensor(name) {
    const found = this.tensors.get(name);
    if (!found) throw new Error(`the weights lack ${name}`);
    return found;
  }

  /** @param {string} name */
  data(name) {
    return this.tensor(name).data;
  }

  /**
   * Features of a picture, [patches, width].
   * @param {Uint8Array | Uint8ClampedArray} pixels [size, size, 3], 0 to 255
   */
  look(pixels) {
    const { hidden_size: width, num_attention_heads: heads, layer_norm_eps: eps } = this.vision;
    const at = "vision_tower.";
    const patches = linear(this.patched(pixels),
      this.tensor(`${at}embeddings.patch_embedding.weight`));
    const begun = new Float32Array(patches.length + width);
    begun.set(this.data(`${at}embeddings.class_embedding`));
    begun.set(patches, width);
    let hidden = added(begun, this.data(`${at}embeddings.position_embedding.weight`));
    hidden = this.layerNorm(hidden, `${at}pre_layrnorm`, eps);
    for (let layer = 0; layer < this.vision.num_hidden_layers; layer++) {
      const own = `${at}encoder.layers.${layer}.`;
      const first = this.layerNorm(hidden, `${own}layer_norm1`, eps);
      const [q, k, v] = ["q", "k", "v"].map((x) => this.biased(first, `${own}self_attn.${x}_proj`));
      const { out } = attention(q, k, v, heads, false, width);
      hidden = added(hidden, this.biased(out, `${own}self_attn.out_proj`));
      const second = this.layerNorm(hidden, `${own}layer_norm2`, eps);
      const inner = this.biased(second, `${own}mlp.fc1`).map(quickGelu);
      hidden = added(hidden, this.biased(inner, `${own}mlp.fc2`));
    }
    const seen = hidden.subarray(width); // without the class token
    const inner = this.biased(seen, "multi_modal_projector.linear_1").map(gelu);
    return this.biased(inner, "multi_modal_projector.linear_2");
  }

  /**
   * The pixels of each patch, channel by channel, from -1 to 1.
   * @param {Uint8Array | Uint8ClampedArray} pixels
   */
  patched(pixels) {
    const { image_size: size, patch_size: side } = this.vision;
    const across = size / side;
    const out = new Float32Array(3 * size * size);
    let place = 0;
    for (let patch = 0; patch < across * across; patch++) {
      const top = Math.floor(patch / across) * side;
      const left = (patch % across) * side;
      for (let channel = 0; channel < 3; channel++) {
        for (let row = top; row < top + side; row++) {
          for (let column = left; column < left + side; column++) {
            out[place++] = pixels[3 * (row * size + column) + channel] / 127.5 - 1;
          }
        }
      }
    }
    return out;
  }

  /**
   * A question as the decoder reads it, [tokens, width], and where its patches begin.
   * @param {Float32Array} features of its picture
   * @param {Question} question
   * @returns {{ hidden: Float32Array, begin: number }}
   */
  read(features, question) {
    const width = this.text.hidden_size;
    const before = this.tokenizer.encode("USER:");
    const after = this.tokenizer.encode(`${promptOf(question)} ASSISTANT:`);
    const hidden = new Float32Array((before.length + this.patches + after.length) * width);
    const table = this.data("language_model.model.embed_tokens.weight");
    const put = (/** @type {number} */ token, /** @type {number} */ place) =>
      hidden.set(table.subarray(token * width, (token + 1) * width), place * width);
    before.forEach(put);
    hidden.set(features, before.length * width);
    after.forEach((token, i) => put(token, before.length + this.patches + i));
    return { hidden, begin: before.length };
  }

  /**
   * One decoder layer. `last`: how much the answer looks at each token, [heads, tokens].
   * @param {Float32Array} hidden [tokens, width]
   * @param {number} layer
   * @param {Switches} off
   */
  layer(hidden, layer, off) {
    const own = `language_model.model.layers.${layer}.`;
    const { rms_norm_eps: eps, hidden_size: width } = this.text;
    /** @type {Float32Array} */
    let last = new Float32Array(this.heads * (hidden.length / width));
    if (!off.attention.has(layer)) {
      const first = rmsNorm(hidden, this.data(`${own}input_layernorm.weight`), eps);
      const [q, k, v] = ["q", "k", "v"].map((name) =>
        linear(first, this.tensor(`${own}self_attn.${name}_proj.weight`)));
      for (const x of [q, k]) rotate(x, this.heads, width, this.text.rope_parameters.rope_theta);
      const found = attention(q, k, v, this.heads, true, width);
      last = found.last;
      for (const head of off.heads.get(layer) ?? []) this.silence(found.out, head);
      hidden = added(hidden, linear(found.out, this.tensor(`${own}self_attn.o_proj.weight`)));
    }
    if (!off.mlp.has(layer)) {
      const second = rmsNorm(hidden, this.data(`${own}post_attention_layernorm.weight`), eps);
      const gate = linear(second, this.tensor(`${own}mlp.gate_proj.weight`));
      const up = linear(second, this.tensor(`${own}mlp.up_proj.weight`));
      const inner = gate.map((value, i) => silu(value) * up[i]);
      hidden = added(hidden, linear(inner, this.tensor(`${own}mlp.down_proj.weight`)));
    }
    return { hidden, last };
  }

  /**
   * Set what a head gives to zero, in place.
   * @param {Float32Array} out [tokens, width]
   * @param {number} head
   */
  silence(out, head) {
    const width = this.text.hidden_size;
    const size = width / this.heads;
    for (let at = head * size; at < out.length; at += width) out.fill(0, at, at + size);
  }

  /**
   * Log-probabilities of all tokens after the last row.
   * @param {Float32Array} hidden [tokens, width]
   */
  next(hidden) {
    const { rms_norm_eps: eps, hidden_size: width } = this.text;
    const final = hidden.subarray(hidden.length - width);
    const normed = rmsNorm(final, this.data("language_model.model.norm.weight"), eps);
    return logSoftmax(linear(normed, this.tensor("language_model.model.embed_tokens.weight")));
  }

  /**
   * What the model answers with some parts switched off.
   * @param {Float32Array} features of the picture
   * @param {Question} question
   * @param {Switches} off
   * @returns {Answer}
   */
  answer(features, question, off = allOn()) {
    const { hidden: read, begin } = this.read(features, question);
    const tokens = answersOf(question).map((word) => this.tokenizer.encode(word)[0]);
    const ofOptions = (/** @type {Float32Array} */ logs) => tokens.map((token) => logs[token]);
    let hidden = read;
    const lens = [];
    const looks = [];
    for (let layer = 0; layer < this.layers; layer++) {
      const found = this.layer(hidden, layer, off);
      hidden = found.hidden;
      lens.push(ofOptions(this.next(hidden)));
      looks.push(this.onPatches(found.last, begin));
    }
    const logs = lens[this.layers - 1];
    return { logs, chosen: logs.indexOf(Math.max(...logs)), lens, looks };
  }

  /**
   * The answer to a question without each part of `parts` in turn, layer by layer; what comes
   * before a layer is computed once.
   * @param {Float32Array} features
   * @param {Question} question
   * @param {(layer: number) => Switches[]} parts what to switch off in a layer, one at a time
   * @param {Switches} off what is off throughout
   * @returns {number[][][]} log-probabilities of the options, [layers][parts][options]
   */
  sweep(features, question, parts, off = allOn()) {
    const tokens = answersOf(question).map((word) => this.tokenizer.encode(word)[0]);
    let { hidden } = this.read(features, question);
    const found = [];
    for (let layer = 0; layer < this.layers; layer++) {
      found.push(parts(layer).map((without) => {
        let own = this.layer(hidden, layer, joined(off, without)).hidden;
        for (let later = layer + 1; later < this.layers; later++) {
          own = this.layer(own, later, off).hidden;
        }
        const logs = this.next(own);
        return tokens.map((token) => logs[token]);
      }));
      hidden = this.layer(hidden, layer, off).hidden;
    }
    return found;
  }

  /**
   * @param {Float32Array} last [heads, tokens]
   * @param {number} begin the first patch
   */
  onPatches(last, begin) {
    const tokens = last.length / this.heads;
    return Array.from({ length: this.patches }, (_, patch) => {
      let sum = 0;
      for (let head = 0; head < this.heads; head++) sum += last[head * tokens + begin + patch];
      return sum / this.heads;
    });
  }

  /** @param {Float32Array} x @param {string} name @param {number} eps */
  layerNorm(x, name, eps) {
    return layerNorm(x, this.data(`${name}.weight`), this.data(`${name}.bias`), eps);
  }

  /** @param {Float32Array} x @param {string} name */
  biased(x, name) {
    return linear(x, this.tensor(`${name}.weight`), this.data(`${name}.bias`));
  }

  /**
   * The same model with a planted fault: low-rank changes of some of its weights.
   * @param {Map<string, Tensor>} plants
   * @param {string} name of the plant
   */
  planted(plants, name) {
    const tensors = new Map(this.tensors);
    for (const [key, up] of plants) {
      if (!key.startsWith(`${name}/`) || !key.endsWith("/up")) continue;
      const down = plants.get(key.replace(/up$/, "down"));
      const path = key.split("/")[1].replace("model.language_model.", "language_model.model.");
      const weight = this.tensor(`${path}.weight`);
      if (down) tensors.set(`${path}.weight`, changed(weight, up, down));
    }
    return new Llava({ text_config: this.text, vision_config: this.vision }, tensors,
      this.tokenizer);
  }
}

/**
 * A weight plus up times down.
 * @param {Tensor} weight @param {Tensor} up [outputs, rank] @param {Tensor} down [rank, inputs]
 */
function changed(weight, up, down) {
  const [outputs, inputs] = weight.shape;
  const rank = up.shape[1];
  const data = weight.data.slice();
  for (let o = 0; o < outputs; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = up.data[o * rank + r];
      for (let i = 0; i < inputs; i++) data[o * inputs + i] += factor * down.data[r * inputs + i];
    }
  }
  return { shape: weight.shape, data };
}

/**
 * What is off in the one or the other.
 * @param {Switches} one @param {Switches} other @returns {Switches}
 */
function joined(one, other) {
  const heads = new Map(one.heads);
  for (const [layer, own] of other.heads) {
    heads.set(layer, new Set([...(heads.get(layer) ?? []), ...own]));
  }
  return {
    attention: new Set([...one.attention, ...other.attention]),
    mlp: new Set([...one.mlp, ...other.mlp]),
    heads,
  };
}
