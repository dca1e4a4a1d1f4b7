"""How much ink has a digit? A number of a picture, by a frozen network and ridge regression.

python examples/image_regression.py
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from graft.sklearn import TransferRegressor


def main() -> None:
    images = load_digits().images[:300]
    ink = images.mean(axis=(1, 2)) / 16 * 100  # per cent of the picture
    pictures = (images / 16 * 255).astype("uint8")
    train, test, ink_train, ink_test = train_test_split(pictures, ink, random_state=0)
    regressor = TransferRegressor(technique="feature-extraction").fit(train, ink_train)
    for picture, truth in zip(test[:5], ink_test, strict=False):
        print(f"{regressor.predict(picture[None])[0]:.1f} % of ink; true: {truth:.1f} %")
    print(f"R2 on {len(test)} other digits: {regressor.score(test, ink_test):.2f}")


if __name__ == "__main__":
    main()
