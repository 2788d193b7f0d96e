"""The published data sets this plugin reads: addresses, digests, licences."""

from __future__ import annotations

from textgrad_core.data import DataFile, Dataset

_RAW = "https://raw.githubusercontent.com"
_TEXTGRAD = (
    f"{_RAW}/zou-group/textgrad/75e912e210864b61999781778cdf756d4468120f"
    "/evaluation/results/code_optimization"
)

LEETCODE = Dataset(
    name="leetcode",
    summary="LeetCodeDataset v0.3.1, test split: 228 problems with reference programs and tests.",
    files=(
        DataFile(
            name="LeetCodeDataset-v0.3.1-test.jsonl.gz",
            url=f"{_RAW}/newfacade/LeetCodeDataset/182cd19fd53161efd70a1ef074fe1056b659bfa3"
            "/data/LeetCodeDataset-v0.3.1-test.jsonl.gz",
            sha256="3ae536cb41342076691730b72424fdfb9264f233e05c81bf37b5f7e227ea1853",
            bytes=1_012_208,
            unpacked_sha256="aec951945feb555b4c72783519452a7a0437ca8c6e5624a83d0ae888718fa4ed",
        ),
    ),
    licence="MIT (c) 2025 newfacade",
    citation="Xia et al., LeetCodeDataset: A Temporal Dataset for Robust Evaluation and "
    "Efficient Training of Code LLMs, arXiv:2504.14655 (2025)",
    note="The statements of the problems are LeetCode's.",
)

HUMANEVAL = Dataset(
    name="humaneval",
    summary="HumanEval: 164 functions to complete, with canonical solutions and tests.",
    files=(
        DataFile(
            name="HumanEval.jsonl.gz",
            url=f"{_RAW}/noahshinn/reflexion/218cf0ef1df84b05ce379dd4a8e47f17766733a0"
            "/programming_runs/human-eval/data/HumanEval.jsonl.gz",
            sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
            bytes=44_877,
            unpacked_sha256="1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2",
        ),
    ),
    licence="MIT (c) OpenAI",
    citation="Chen et al., Evaluating Large Language Models Trained on Code, "
    "arXiv:2107.03374 (2021)",
)

HARD39 = Dataset(
    name="leetcode-hard39",
    summary="The 39 hard LeetCode problems of TextGrad, with 2 or 3 example tests each.",
    files=(
        DataFile(
            name="reflexion_seed15_39problems.jsonl",
            url=f"{_TEXTGRAD}/reflexion/seed_15"
            "/leetcode_with_tests_entry_points._reflexion_5_gpt-4_pass_at_k_1_py_15.jsonl",
            sha256="f398a920e2707a7ecdb2f7bfcd1ae5c0495da90daade774304e0a2ef006cb8d5",
            bytes=331_223,
        ),
        DataFile(
            name="leetcode_with_tests.jsonl",
            sha256="8c5559b2bac533c033b334fd56dfa4c64c3e16dde80dcf3836fb08b4a43cf80f",
            bytes=0,
        ),
        DataFile(
            name="index.jsonl",
            sha256="f05c246a2b3ef0c1e64b00f2a06f0867308343db5827e531a4b2729dcb94ff13",
            bytes=14_993,
        ),
    ),
    licence="MIT (c) 2024 Zou Group (tests and signatures)",
    citation="Yuksekgonul et al., Optimizing generative AI by backpropagating language model "
    "feedback, Nature 639, 609 (2025)",
    note="The statements are LeetCode's, and the original leetcode_with_tests.jsonl (github.com/"
    "vinid/data) has no licence: bring your own copy of it, or fetch TextGrad's result file, "
    "which has the same problems and tests.",
    any_one=True,
)

TEXTGRAD_RUNS = Dataset(
    name="textgrad-runs",
    summary="The 312 programs TextGrad released for LeetCode-Hard, with recorded test states.",
    files=(
        DataFile(
            name="leetcode39_textgrad_runs.csv",
            url=f"{_TEXTGRAD}/textgrad/textgrad_run.csv",
            sha256="1b949107811c4c402a40b81429e68acc868fde2caf04905ca21eb96c73f1869e",
            bytes=359_668,
        ),
    ),
    licence="MIT (c) 2024 Zou Group",
    citation=HARD39.citation,
    note="Programs written by a model: never run them outside the sandbox.",
)

DATASETS: tuple[Dataset, ...] = (LEETCODE, HUMANEVAL, HARD39, TEXTGRAD_RUNS)
