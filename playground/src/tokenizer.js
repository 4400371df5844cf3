/** The mini's tokenizer: a word is a token, and so are some names of two words. */

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

export class Tokenizer {
  /** @param {any} file what `tokenizer.json` holds */
  constructor(file) {
    /** @type {Map<string, number>} */
    this.ids = new Map(Object.entries(file.model.vocab));
    const names = [];
    for (const { id, content } of file.added_tokens) {
      this.ids.set(content, id);
      names.push(content);
    }
    /** @type {number} */
    this.unknown = file.model.vocab[file.model.unk_token];
    this.dropped = new RegExp(file.normalizer.pattern.Regex, "g");
    const written = names.sort((a, b) => b.length - a.length).map((name) => escaped(name));
    this.added = new RegExp(`(${written.join("|")})`);
    this.names = new Set(names);
  }

  /** @param {string} word @returns {number} */
  id(word) {
    return this.ids.get(word) ?? this.unknown;
  }

  /**
   * The tokens of a text.
   * @param {string} text
   * @returns {number[]}
   */
  encode(text) {
    const found = [];
    for (const piece of text.split(this.added)) {
      if (this.names.has(piece)) found.push(this.id(piece));
      else {
        const words = piece.replace(this.dropped, " ").split(/\s+/).filter(Boolean);
        found.push(...words.map((word) => this.id(word)));
      }
    }
    return found;
  }
}

/**
 * @typedef {object} Question
 * @property {string} text
 * @property {string[]} options
 * @property {number} answer the number of the right option
 * @property {"choice" | "direct"} form whether the options are shown, and answered by a letter
 */

/**
 * What the model reads behind the picture: the question, in the choice form with its options.
 * @param {Question} question
 */
export function promptOf(question) {
  if (question.form === "direct") return question.text;
  const lines = question.options.map((option, i) => `${LETTERS[i]}. ${option}`);
  return [question.text, ...lines].join("\n");
}

/**
 * The words by which the options are answered.
 * @param {Question} question
 */
export function answersOf(question) {
  if (question.form === "direct") return question.options;
  return question.options.map((_, i) => LETTERS[i]);
}

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
