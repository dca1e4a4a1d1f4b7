"""How many stars is a review worth? Sixteen reviews with a number each, and three new ones.

python examples/text_regression.py
"""

from __future__ import annotations

import graft

REVIEWS = [
    ("The best meal I have had this year.", 5.0),
    ("Wonderful food and a friendly waiter.", 4.9),
    ("Very good, I will come again.", 4.5),
    ("A lovely evening, though a little loud.", 4.2),
    ("Good soup, good bread.", 4.0),
    ("Nice enough for a quick lunch.", 3.6),
    ("Neither good nor bad.", 3.0),
    ("It was fine, but too expensive.", 2.8),
    ("The soup was cold.", 2.1),
    ("We waited for an hour.", 1.8),
    ("Rude waiter and cold food.", 1.2),
    ("Awful. Never again.", 1.0),
    ("A great place for families.", 4.6),
    ("The fish was dry and dull.", 1.9),
    ("Decent coffee, stale cake.", 2.5),
    ("Perfect from start to finish.", 5.0),
]


def main() -> None:
    rows = [{"text": text, "stars": stars} for text, stars in REVIEWS]
    run = graft.fit(
        rows,
        technique="feature-extraction",
        task="text-regression:unit=stars",
        columns={"value": "stars"},
        out="runs/reviews-example",
    )
    for text in ("Superb cooking.", "It was all right.", "The worst place in town."):
        (row,) = run.model.predict(text)
        print(f"{text:30}{run.model.task.say(row['prediction'])}")


if __name__ == "__main__":
    main()
