"""The examples at the end of the help of each verb: two commands to copy."""

from __future__ import annotations

START = ("graft demo", "graft compare photos/")
"""The examples of `graft --help`."""

EXAMPLES = {
    "demo": ("graft demo", "graft demo --out runs/first-look"),
    "check": ("graft check photos/", "graft check reviews.csv --columns text=review"),
    "fit": (
        "graft fit photos/ -t lora:r=4",
        "graft fit reviews.csv -b minilm-l6 -t full-fine-tuning --epochs 3 --out runs/reviews",
    ),
    "compare": (
        "graft compare photos/",
        "graft compare reviews.csv -t feature-extraction -t lora --shots 8 --dry-run",
    ),
    "adapt": (
        "graft adapt photos/ drawings/",
        "graft adapt reviews.csv tweets.csv -t mcc -t deep-coral --selected-by infomax",
    ),
    "resume": ("graft resume runs/reviews", "graft resume runs/photos/study --quiet"),
    "evaluate": (
        "graft evaluate runs/reviews more_reviews.csv",
        "graft evaluate runs/reviews more_reviews.csv --columns text=review --json",
    ),
    "predict": (
        "graft predict runs/photos new_photos/ --out predictions.csv",
        'graft predict runs/reviews "I would buy it again."',
    ),
    "embed": (
        "graft embed minilm-l6 reviews.csv --columns text=review --out reviews.npy",
        "graft embed runs/photos photos/ --out photos.parquet --normalize",
    ),
    "generate": (
        'graft generate runs/stories "Once upon a time"',
        'graft generate runs/stories "Once upon a time" --temperature 0.8 --top-p 0.95 --seed 1',
    ),
    "report": ("graft report runs/photos/study", "graft report runs/photos/study --json"),
    "list": ("graft list techniques", "graft list backbones --source timm"),
    "info": ("graft info lora", "graft info timm:resnet50"),
    "pull": ("graft pull", "graft pull minilm-l6 efficientnet-lite0"),
    "cache": ("graft cache", "graft cache --clear"),
    "doctor": ("graft doctor", "graft doctor --json"),
}
