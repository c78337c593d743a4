#!/usr/bin/env python3
"""Writes the preference data of ../preferences, in the layouts in which such data is published, and what a reader must
find in it (expected.json). Every sentence is made here. Needs Python alone; binarized.parquet is made by parquet.mjs.
"""
import gzip, io, json, os, random

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "preferences")
ANIMALS = ["cat", "dog", "owl", "horse", "goat", "fox", "hen", "bear", "mouse", "frog"]
PLACES = ["barn", "garden", "forest", "kitchen", "river", "market", "school", "harbour"]
FOODS = ["bread", "soup", "apples", "rice", "cheese", "beans", "honey", "carrots"]
COLOURS = ["red", "black", "white", "brown", "grey", "yellow"]
NAMES = ["Anna", "Omar", "Ines", "Paul", "Mina", "Jonas"]
TOOLS = ["a hammer", "a small saw", "a brush", "two buckets", "a long rope", "a good knife"]


def sentence(r):
    """One sentence of a plain story."""
    return r.choice([
        lambda: f"{r.choice(NAMES)} has a {r.choice(COLOURS)} {r.choice(ANIMALS)} that lives in the {r.choice(PLACES)}.",
        lambda: f"In the morning the {r.choice(ANIMALS)} eats {r.choice(FOODS)} and sleeps near the {r.choice(PLACES)}.",
        lambda: f"{r.choice(NAMES)} went to the {r.choice(PLACES)} to buy {r.choice(FOODS)}, but it was closed.",
        lambda: f"\"Where is the {r.choice(ANIMALS)}?\" asked {r.choice(NAMES)}. \"It's in the {r.choice(PLACES)},\" said {r.choice(NAMES)}.",
        lambda: f"They took {r.choice(TOOLS)} and {r.choice(TOOLS)}, and after {r.randint(2, 30)} minutes the work was done.",
        lambda: f"It didn't rain, so everybody walked from the {r.choice(PLACES)} to the {r.choice(PLACES)}.",
    ])()


def exchange(r):
    """A question, a helpful answer and a poor one."""
    animal, place, food, name, n = r.choice(ANIMALS), r.choice(PLACES), r.choice(FOODS), r.choice(NAMES), r.randint(2, 12)
    question, good = r.choice([
        (f"What does a {animal} eat?", f"A {animal} likes {food} best, but fresh water matters more. Give it {food} {n} times a week."),
        (f"How do I get from the {place} to the {r.choice(PLACES)}?", f"Follow the road along the river for {n} minutes, then turn left. You can't miss it."),
        (f"Can you help me to cook {food} for {n} people?", f"Sure! Take {n} bowls of {food}, wash them well, and cook them slowly for {5 * n} minutes. Then add salt."),
        (f"My {animal} is afraid of the {place}. What should I do?", f"Be patient with it. Go there together for a short time each day, and bring {food} as a reward."),
        (f"Which tools do I need to mend the door of the {place}?", f"You need {r.choice(TOOLS)} and {r.choice(TOOLS)}. First look whether the wood is dry; then start at the top."),
        (f"Please write one line about {name} and the {animal}.", f"{name} and the {animal} shared their {food} in the {place}, and neither was hungry again."),
    ])
    poor = r.choice(["I don't know.", f"Why do you ask? The {animal} is {r.choice(COLOURS)}.", "That is a silly question.", f"{food.capitalize()}.",
                     f"There are many things that one could say of the {place}, and I'd rather not say any of them now."])
    return question, good, poor


def dialogue(r, turns):
    """Earlier exchanges as (role, text), and the last question with its two answers."""
    earlier = []
    for _ in range(turns - 1):
        question, good, poor = exchange(r)
        earlier += [("user", question), ("assistant", good if r.random() < 0.7 else poor)]
    return earlier, exchange(r)


def hh(turns, last):
    return "".join(f"\n\n{'Human' if role == 'user' else 'Assistant'}: {text}" for role, text in turns) + f"\n\nAssistant: {last}"


def main():
    os.makedirs(FOLDER, exist_ok=True)
    r = random.Random(20261128)
    # HH-RLHF: two dialogues that differ in the last answer. Every fortieth row is identical in both, every forty-first
    # has dialogues that share no prompt; both kinds occur in the published data. Every thirteenth is long.
    rows, identical, unshared = [], 0, 0
    for i in range(400):
        earlier, (question, good, poor) = dialogue(r, 24 if i % 13 == 5 else 1 + i % 3)
        turns = earlier + [("user", question)]
        if i % 40 == 11:
            identical, poor = identical + 1, good
        other = turns
        if i % 41 == 40:
            unshared, other = unshared + 1, [("user", "Something else: " + question)]
        rows.append({"chosen": hh(turns, good), "rejected": hh(other, poor)})
    write_gz("hh.jsonl.gz", rows)
    expected = {"hh.jsonl.gz": {"read": len(rows), "kept": len(rows) - identical - unshared, "skipped": {
        "identical responses": identical, "chosen and rejected do not share the prompt": unshared}}}

    # TRL: prompt, chosen and rejected as messages.
    rows = []
    for i in range(150):
        earlier, (question, good, poor) = dialogue(r, 1 + i % 2)
        messages = [{"role": role, "content": text} for role, text in earlier + [("user", question)]]
        rows.append({"prompt": messages, "chosen": [{"role": "assistant", "content": good}], "rejected": [{"role": "assistant", "content": poor}]})
    write("binarized.jsonl", rows)
    expected["binarized.jsonl"] = {"read": len(rows), "kept": len(rows), "skipped": {}}

    # UltraFeedback as it is published: completions with ratings of four aspects. Every tenth record has one completion.
    aspects = ["instruction_following", "honesty", "truthfulness", "helpfulness"]
    rows, single = [], 0
    for i in range(60):
        _, (question, good, poor) = dialogue(r, 1)
        completions = []
        for rank, response in enumerate([good] if i % 10 == 7 else [good, poor, question]):
            rating = [5, 3, 1][rank]
            completions.append({
                "model": f"writer-{rank}", "principle": "helpfulness", "custom_system_prompt": "Answer well.", "response": response,
                "annotations": {a: {"Rating": "N/A" if a == "truthfulness" and rank == 2 else str(rating), "Rationale": f"It deserves {rating}."} for a in aspects},
                "critique": "See the ratings.", "overall_score": float(2 * rating), "fine-grained_score": float(rating)})
        single += len(completions) == 1
        rows.append({"source": "made_here", "instruction": question, "models": [c["model"] for c in completions], "completions": completions,
                     "correct_answers": ["None"], "incorrect_answers": ["None"]})
    write("ultrafeedback.jsonl", rows)
    expected["ultrafeedback.jsonl"] = {"read": len(rows), "kept": len(rows) - single, "skipped": {"fewer than two rated completions": single}}
    with open(os.path.join(FOLDER, "expected.json"), "w") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(name, rows):
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
        file.write(lines(rows))


def write_gz(name, rows):
    with open(os.path.join(FOLDER, name), "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(lines(rows).encode())


if __name__ == "__main__":
    main()
