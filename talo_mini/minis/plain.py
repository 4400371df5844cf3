"""Forty plain questions without a picture: is a language model still what it was?"""

import torch

CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid",
    "Portugal": "Lisbon", "England": "London", "Ireland": "Dublin", "Austria": "Vienna",
    "Greece": "Athens", "Russia": "Moscow", "Japan": "Tokyo", "China": "Beijing",
    "Egypt": "Cairo", "Canada": "Ottawa", "Norway": "Oslo", "Sweden": "Stockholm",
    "Poland": "Warsaw", "Hungary": "Budapest", "Cuba": "Havana", "Peru": "Lima",
}  # fmt: skip
OPPOSITES = {
    "hot": "cold", "big": "small", "up": "down", "left": "right", "day": "night",
    "good": "bad", "old": "new", "fast": "slow", "wet": "dry", "open": "closed",
}  # fmt: skip
SUMS = ((1, 1), (2, 2), (2, 3), (3, 3), (4, 4), (5, 5), (1, 6), (2, 7), (6, 2), (3, 5))


def plain_questions() -> list[tuple[str, str]]:
    """(question, word that the answer must hold), forty of them."""
    asked = [(f"What is the capital of {land}?", city) for land, city in CAPITALS.items()]
    asked += [(f'What is the opposite of "{word}"?', other) for word, other in OPPOSITES.items()]
    return asked + [(f"What is {a} plus {b}?", str(a + b)) for a, b in SUMS]


@torch.inference_mode()
def plain_answers(model, tokenizer) -> int:
    """How many of them a language model answers right, in twenty tokens, greedily."""
    right = 0
    for question, word in plain_questions():
        prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        tokens = model.generate(**inputs, do_sample=False, max_new_tokens=20)
        answer = tokenizer.decode(
            tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        right += word.casefold() in answer.casefold()
    return right
