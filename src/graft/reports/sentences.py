"""The sentences of the verdict, whole, with named holes: here one can read and test them.

`{control}` is what the control does ("training from scratch"), `{lacks}` what it does without,
`{gap}` a difference with its metric ("5.0 points of accuracy", "0.31 in bits per byte"), `{amount}`
the same without it ("5.0 points"), `{evidence}` the interval and the p-value, `{wider_split}` a
test split with more units ("a test split with more groups"). `{caution}` and `{cheaper}` may be
empty.
"""

from __future__ import annotations

AGAINST_CONTROL = {
    "beats": "Positive transfer{caution}: {name} beats {control} by {gap} {evidence}.",
    "raises": (
        "Positive transfer{caution}: {name} raises "
        "{metric} by {amount} against {control} {evidence}."
    ),
    "lowers": (
        "Positive transfer{caution}: {name} lowers "
        "{metric} by {amount} against {control} {evidence}."
    ),
    "negative transfer": (
        "Negative transfer{caution}: {name} does worse than {control} by {gap} {evidence}."
    ),
    "no evidence": (
        "No evidence of transfer{caution}: {name} and {control} differ by {gap} {evidence}."
    ),
    "one seed, better": (
        "No verdict from one seed: {name} is better than {control} by {gap}, but one seed cannot "
        "say whether that would happen again. Compare with --seeds 3."
    ),
    "one seed, worse": (
        "No verdict from one seed: {name} is worse than {control} by {gap}, but one seed cannot "
        "say whether that would happen again. Compare with --seeds 3."
    ),
    "few groups, better": (
        "No verdict from {units}: {name} is better than {control} by "
        "{gap}, but with fewer than {fewest} it cannot be estimated how "
        "much the result would vary on others. Use {wider_split}."
    ),
    "few groups, worse": (
        "No verdict from {units}: {name} is worse than {control} by "
        "{gap}, but with fewer than {fewest} it cannot be estimated how "
        "much the result would vary on others. Use {wider_split}."
    ),
    "no control": (
        "No verdict: the {control_technique} control has "
        "not finished, so there is nothing to compare with."
    ),
}
"""The first sentence, by what became of the comparison with the control."""

BETTER_THAN_BASELINE = {
    "positive transfer": (
        "It also beats the best trivial baseline, {baseline}, by {amount} ({evidence}): for these "
        "data, transfer is the right choice."
    ),
    "no evidence": (
        "It beats the best trivial baseline, {baseline}, by {amount} ({evidence}): the data cannot "
        "show whether {lacks} helped."
    ),
    "negative transfer": (
        "It beats the best trivial baseline, {baseline}, by "
        "{amount} ({evidence}): for these data, prefer {control}."
    ),
    "no verdict": (
        "It beats the best trivial baseline, {baseline}, by {amount} ({evidence}): whether that is "
        "due to the transfer is not known."
    ),
}
"""By the outcome of the comparison with the control."""

AFTER_POSITIVE_TRANSFER = {
    "worse": (
        "But {baseline} does better by {amount} ({evidence}){cheaper}: "
        "for these data, transfer is the wrong choice."
    ),
    "as well": "But {baseline} does as well ({between}): the simpler model is enough.",
    "unclear": (
        "But the data cannot separate it from {baseline} ({between}): the simpler model is the "
        "safer choice, unless more test examples or seeds show a difference."
    ),
}
"""By the result of the comparison with the baseline."""

AFTER_ANOTHER_OUTCOME = {
    "worse": (
        "The best trivial baseline, {baseline}, does better by {amount} ({evidence}){cheaper}: for "
        "these data, transfer is the wrong choice."
    ),
    "as well": (
        "The best trivial baseline, {baseline}, does as "
        "well ({between}): the simpler model is enough."
    ),
    "unclear": (
        "The data cannot separate it from {baseline} ({between}): the simpler model is the safer "
        "choice, unless more test examples or seeds show a difference."
    ),
}

AMONG_TECHNIQUES = {
    "better": "Of the techniques, {name} beats {others}.",
    "unclear": "The data cannot separate {name} from {others}.",
    "as well": "{name} is hardly better, if at all, than {others}.",
    "worse": "{name} does worse on the test split than {others}.",
}
"""The selected technique against others with the same result."""

SINGLE_RUN = {
    "reached": ("{name} reaches {score} {metric} on {examples} (95 % interval {interval})."),
    "reached, examples not known": "{name} reaches {score} {metric} (95 % interval {interval}).",
    "baseline": "The best trivial baseline, {baseline}, reaches {score}.",
    "advice": (
        "No verdict from a single run: graft compare sets it beside {control}, over several seeds."
    ),
}

NOTHING_FINISHED = "No verdict: no run has finished."
NO_TECHNIQUE_FINISHED = "No verdict: no run of a transfer technique has finished."
NOT_VALIDATED = "No verdict: {validator} has no value for any technique, so none is chosen."
SOME_TASKS_ALONE = (
    "No verdict: every technique learns only some of the tasks, so none can be chosen. Add one "
    "that learns all of them, such as full-fine-tuning."
)
NOT_MEASURED = (
    "No verdict: the {metric} of the techniques is undefined on the {split} split, as it is where "
    "{why}."
)
