"""Every way a program can be called, and every way its answers can be judged."""

from __future__ import annotations

import builtins
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from judged import JAILED, case, judged, method, only, opened, problem
from textgrad_code.errors import ProblemError
from textgrad_code.jail.frames import packed
from textgrad_code.jail.prelude import prelude
from textgrad_code.judge import Judge
from textgrad_code.problem import Checker, TestCase
from textgrad_code.problem_json import problem_from_json, problem_to_json
from textgrad_code.sandbox import Tier
from textgrad_code.verdict import Verdict


@pytest.fixture(scope="module", params=[*JAILED[:1], Tier.NONE])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    sandbox = opened(request.param)
    yield Judge(sandbox=sandbox)
    sandbox.close()


def verdicts(judge: Judge, program: str, asked: Any, *tests: TestCase) -> str:
    return " ".join(one.verdict for one in judged(judge, program, asked, tests).results)


def test_methods_get_a_fresh_instance(judge: Judge) -> None:
    program = """
class Solution:
    def __init__(self):
        self.calls = 0
    def f(self, x: Optional[int]) -> int:
        self.calls += 1
        return self.calls
"""
    assert verdicts(judge, program, problem(), case(1, expected=1), case(2, expected=1)) == "AC AC"


def test_static_methods_and_functions(judge: Judge) -> None:
    program = "class Solution:\n    @staticmethod\n    def f(x): return x\nf = lambda x, y: x - y"
    assert verdicts(judge, program, problem(), case(3, expected=3)) == "AC"
    assert verdicts(judge, program, problem(kind="function"), case(3, 1, expected=2)) == "AC"


def test_in_place(judge: Judge) -> None:
    asked = problem("f", "List[int]", "int", in_place=0)
    program = method("x[:] = [y, *x]", "return 'ignored'", parameters="x, y")
    result = only(judge, program, asked, case([1, 2], 3, expected=[3, 1, 2]))
    assert (result.verdict, result.mutated) == (Verdict.AC, ())


def test_in_place_on_nodes(judge: Judge) -> None:
    asked = problem("f", "Optional[ListNode]", returns="None", in_place=0)
    program = method("while x: x.val += 1; x = x.next")
    tests = case([1, 2], expected=[2, 3]), case([], expected=None)
    assert verdicts(judge, program, asked, *tests) == "AC AC"


def test_design(judge: Judge) -> None:
    program = """
class Stack:
    def __init__(self, first):
        self.items = [first]
    def push(self, item):
        self.items.append(item)
    def pop(self):
        return self.items.pop()
    def all(self):
        return self.items
"""
    test = case(
        ["Stack", "push", "all", "pop", "all"],
        [[1], [2], [], [], []],
        expected=[None, None, [1, 2], 2, [1]],
    )
    asked = problem("Stack", kind="design")
    assert verdicts(judge, program, asked, test, test) == "AC AC"
    wrong = only(judge, program.replace("pop()", "pop(0)"), asked, test)
    assert (wrong.verdict, wrong.message) == (
        Verdict.WA,
        "operation 3, pop(): expected 2, got 1",
    )
    missing = only(judge, program.replace("def pop", "def top"), asked, test)
    assert missing.message == "AttributeError: 'Stack' object has no attribute 'pop'"


def test_design_on_a_tree(judge: Judge) -> None:
    program = """
class Walk:
    def __init__(self, root: Optional[TreeNode]):
        self.rest = [root]
    def next(self) -> int:
        node = self.rest.pop()
        self.rest += [one for one in (node.right, node.left) if one]
        return node.val
"""
    asked = problem("Walk", "Optional[TreeNode]", kind="design")
    test = case(["Walk", "next", "next", "next"], [[[1, 2, 3]], [], [], []],
                expected=[None, 1, 2, 3])  # fmt: skip
    assert verdicts(judge, program, asked, test) == "AC"


ECHO = """
import sys
n = int(input("")) if True else 0
for line in sys.stdin:
    print(n, line.strip(), end=" \\n")
if __name__ != "__main__":
    raise SystemExit(3)
exit()
"""


def test_scripts(judge: Judge) -> None:
    asked = problem("", kind="stdin")
    tests = case("2\na b\nc\n", expected="2 a b\n2 c"), case("7", expected="")
    assert verdicts(judge, ECHO, asked, *tests) == "AC AC"
    result = only(judge, ECHO, asked, case("2\na\nb\n", expected="2 a\n2 c\n"))
    assert result.answer == "2 a \n2 b \n"
    expected = 'output as lines of words, counted from 0: at [1][1]: expected "c", got "b"'
    assert result.message == expected


@pytest.mark.parametrize(
    ("program", "verdict", "message"),
    [
        ("print(1)\nimport sys; sys.exit(1)", "RE", "ended before returning (exit 1)"),
        ("print(1)\nraise SystemExit", "AC", ""),
        ("print(len(open(0).read()) + 1)", "AC", ""),
        ("print(len(open('/dev/stdin', 'rb').readlines()) + 1)", "AC", ""),
        ("def main():\n    print(1)\n    quit()\nmain()", "AC", ""),
        ("import sys; sys.stdout.buffer.write(b'1')", "AC", ""),
        ("import sys; sys.stdout.write('1'); sys.stdout.close()", "AC", ""),
        ("import sys; print(1); print(2, file=sys.stderr)", "AC", ""),
        ("print(int(input()))", "RE", "EOFError: EOF when reading a line"),
        ("import os; print(1, flush=True); os._exit(0)", "RE", "ended before returning (exit 0)"),
        ("while True: print('x' * 1000)", "OLE", "the answer is too large"),
        ("print(heapq)", "RE", "NameError: name 'heapq' is not defined"),
        ("print(1.0000001)", "WA", ""),
    ],
)
def test_scripts_end_in_many_ways(judge: Judge, program: str, verdict: str, message: str) -> None:
    result = only(judge, program, problem("", kind="stdin"), case("", expected="1\n"))
    assert (result.verdict, message in result.message) == (verdict, True), result


def test_scripts_read_their_input_in_many_ways(judge: Judge) -> None:
    sources = "sys.stdin", "sys.stdin.buffer", "open(0)", "open(0, 'rb')", "iter(sys.stdin)"
    tests = [case("1 2\n3 ä\n", expected="3 2"), case("x" * 100_000 + "\n1\n", expected="1 1")]
    for source in sources:
        program = f"import sys\nlast = list({source})[-1]\nprint(last.split()[0].strip().decode()"
        text = "b'" not in source and "buffer" not in source and "rb" not in source
        program = program.replace(".decode()", "") if text else program
        program += ", len(last.split()))"
        assert verdicts(judge, program, problem("", kind="stdin"), *tests) == "AC AC", source


def test_numbers_in_output_have_a_tolerance(judge: Judge) -> None:
    test = case("", expected="x 0.333333\n")
    asked = problem("", kind="stdin")
    assert verdicts(judge, "print('x', 1 / 3)", asked, test) == "AC"
    assert verdicts(judge, "print('x', 0.3334)", asked, test) == "WA"


@pytest.mark.parametrize(
    ("types", "returns", "body", "arguments", "expected"),
    [
        (("ListNode",), "ListNode", "x.next.next = None; return x", ([1, 2, 3],), [1, 2]),
        (("ListNode",), "ListNode", "return None", ([],), []),
        (("ListNode",), "ListNode", "return None", ([],), None),
        (
            ("ListNode",),
            "bool",
            "s = f = x\nwhile f and f.next:\n    s, f = s.next, f.next.next\n"
            "    if s is f: return True\nreturn False",
            ({"values": [3, 2, 0], "cycle": 1},),
            True,
        ),
        (
            ("ListNode",),
            "ListNode",
            "x.next.next = x; return x",
            ([1, 2],),
            {"values": [1, 2], "cycle": 0},
        ),
        (
            ("List[ListNode]",),
            "ListNode",
            "h = ListNode()\nt = h\nfor v in sorted(merge(x)): t.next = ListNode(v); t = t.next\n"
            "return h.next",
            ([[1, 4], [], [2]],),
            [1, 2, 4],
        ),
        (("TreeNode",), "TreeNode", "x.left, x.right = x.right, x.left\nreturn x",
         ([1, 2, 3, None, 4],), [1, 3, 2, None, None, None, 4]),
        (("TreeNode", "TreeNode"), "int", "return (y is x.right) + y.val", ([6, 2, 8], 8), 9),
        (("TreeNode",), "List[TreeNode]", "return [x.left, x.right, None]",
         ([1, 2, 3],), [[2], [3], None]),
        (("Node.children",), "int", "return len(x.children)", ([1, None, 2, 3],), 2),
        (("Node.random",), "Node.random", "return Node(x.val, None, None)",
         ([[7, 0]],), [[7, None]]),
        (("Node.neighbors",), "Node.neighbors", "return copy.deepcopy(x)",
         ([[2], [1]],), [[2], [1]]),
    ],
)  # fmt: skip
def test_nodes(
    judge: Judge, types: Any, returns: str, body: str, arguments: Any, expected: Any
) -> None:
    before = "def merge(lists):\n    for n in lists:\n        while n: yield n.val; n = n.next"
    program = method(body, before=before, parameters=", ".join("xy"[: len(types)]))
    asked = problem("f", *types, returns=returns)
    result = only(judge, program, asked, case(*arguments, expected=expected))
    assert result.verdict is Verdict.AC, result


PRELUDE = """
s: List[Optional[Dict[str, Tuple[int, ...]]]] = []
assert pow(3, -1, 7) == 5 and pow(2, 10) == 1024
assert gcd(4, 6) == 2 and sqrt(4) == 2 and inf > 10**300 and comb(4, 2) == 6
heappush(s, 1); assert heapq.heappop(s) == 1 and bisect_left([1, 2], 2) == bisect.bisect([1], 1)
assert Counter("a") and defaultdict(list) is not None and deque([1])
assert Counter is collections.Counter
assert list(accumulate([1, 2])) == [1, 3] and list(itertools.chain([1], [2])) == [1, 2]
assert reduce(lambda a, b: a + b, [1, 2]) == 3 and ascii_lowercase[0] == "a"
@lru_cache(None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
@cache
def fact(n): return 1 if n < 2 else n * fact(n - 1)
assert fib(9) == 34 and fact(5) == 120 and functools.reduce and math.pi and string.digits
assert itemgetter(1)([1, 2]) == 2 and re.sub("a", "b", "a") == "b" and cmp_to_key
assert datetime.date(2024, 2, 29) and copy.copy([1]) == [1] and random.Random(1) and operator.add
assert list(map(abs, [-1])) == [1] and sum([1]) == 1 and max(1, 2) == 2 and collections.deque
assert SortedList([2, 1])[0] == 1 and SortedDict({1: 2}) and SortedSet([1]) and sys.maxsize
from sortedcontainers import SortedKeyList
"""


def test_the_prelude(judge: Judge) -> None:
    program = PRELUDE + method("return TreeNode(1, None, ListNode(2)).val")
    result = only(judge, program, problem(), case(0, expected=1))
    assert result.verdict is Verdict.AC, result


def test_the_prelude_leaves_every_built_in_alone() -> None:
    names = prelude()
    public = [name for name in vars(builtins) if not name.startswith("_")]
    changed = [name for name in public if names.get(name, vars(builtins)[name])
               is not vars(builtins)[name]]  # fmt: skip
    assert changed == []


CHECK = """
def check(arguments, expected, answer):
    (n,) = arguments
    arguments.clear()
    if not isinstance(answer, list): return False
    if sum(answer) != n: return f"the sum is {sum(answer)}, not {n}\\x1b[1m"
    return True
"""


def test_checkers_of_a_problem(judge: Judge) -> None:
    asked = problem(checker=Checker(kind="program", source=CHECK))
    program = method("return {5: [2, 3], 6: [1], 7: 'x', 8: ['a']}[x]")
    tests = [case(n) for n in (5, 6, 7, 8)]
    results = judged(judge, program, asked, tests).results
    assert [one.verdict for one in results] == ["AC", "WA", "WA", "WA"]
    assert [one.message for one in results[1:3]] == [
        "the sum is 1, not 6",
        "the checker does not accept the answer",
    ]
    assert results[3].message.startswith("the checker cannot read the answer: TypeError(")


@pytest.mark.parametrize(
    "source",
    ["def check(:", "x = 1", "def check(a, b, c): return nope", "def check(a, b, c): return 1",
     "1 / 0\ndef check(a, b, c): pass"],
)  # fmt: skip
def test_a_broken_checker_is_the_problems_fault(judge: Judge, source: str) -> None:
    asked = problem(checker=Checker(kind="program", source=source))
    with pytest.raises(ProblemError, match="the checker of a-problem"):
        only(judge, method("return 1"), asked, case(1))


def test_orders_and_declared_floats(judge: Judge) -> None:
    program = method("return x[::-1]")
    test = case([[1, 2], [3]], expected=[[1, 2], [3]])
    nested = case([[2, 1], [3]], expected=[[1, 2], [3]])
    for kind, expected in (("ordered", "WA WA"), ("any-order", "AC WA"),
                           ("nested-any-order", "AC AC")):  # fmt: skip
        asked = problem(checker=Checker(kind=kind))  # type: ignore[arg-type]  # one of them
        assert verdicts(judge, program, asked, test, nested) == expected
    tenth = case(1, expected=3), case(1, expected=[3, 1])
    programs = method("return 3.0000001"), method("return [3.0000001, 1]")
    for answered, one in zip(programs, tenth, strict=True):
        assert verdicts(judge, answered, problem(returns="int"), one) == "WA"
        assert verdicts(judge, answered, problem(returns="List[float]"), one) == "AC"


def test_what_a_test_prints_is_its_own(judge: Judge) -> None:
    program = method("import os", "print('out', x)", "os.write(2, b'err')", "return x")
    results = judged(judge, program, problem(), [case(1, expected=1), case(2, expected=2)]).results
    assert [one.output for one in results] == ["errout 1\n", "errout 2\n"]


def test_the_frames_of_a_run() -> None:
    """The driver on pipes of ours, without a sandbox."""
    job = {"nonce": "1", "program": "def f(x): return {x}", "kind": "function", "name": "f",
           "class_name": "", "parameters": ["int"], "returns": "Any", "in_place": None,
           "memory_mib": 64, "answer_bytes": 1000, "most_steps": 0}  # fmt: skip
    frames = [
        job,
        {"nonce": "2", "arguments": [3]},
        {"nonce": "3", "arguments": [4], "last": True},
    ]
    code = "import os; from textgrad_code.jail.driver import drive; drive(0, os.dup(1))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"".join(map(packed, frames)),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    answers, data = [], io.BytesIO(done.stdout)
    while header := data.read(4):
        answers.append(json.loads(data.read(int.from_bytes(header, "little"))))
    assert answers == [
        {"hello": sys.version.split()[0]},
        {"nonce": "1", "ready": True},
        {"nonce": "2", "answer": {"$set": [3]}, "mutated": []},
        {"nonce": "3", "answer": {"$set": [4]}, "mutated": []},
        {"nonce": "3", "bye": True},
    ]


CODEC = """
class Codec:
    def serialize(self, root: Optional[TreeNode]) -> str:
        return f"{root.val}({self.serialize(root.left)})" if root else ""
    def deserialize(self, data: str) -> Optional[TreeNode]:
        value, _, rest = data.partition("(")
        return TreeNode(int(value), self.deserialize(rest[:-1])) if data else None
    def is_left(self, root: TreeNode, node: TreeNode) -> bool:
        return root.left is node
"""


def test_operations_take_and_give_nodes(judge: Judge) -> None:
    tree = "Optional[TreeNode]"
    signature = {
        "kind": "design",
        "name": "Codec",
        "operations": [
            f"serialize(root: {tree}) -> str",
            f"deserialize(data: str) -> {tree}",
            f"is_left(root: {tree}, node: {tree}) -> bool",
        ],
    }
    names = ["Codec", "serialize", "deserialize", "deserialize", "is_left"]
    lists = [[], [[1, 2]], ["1(2())"], [""], [[5, 6, 7], 6]]
    expected = [None, "1(2())", [1, 2], None, True]
    given = {"name": "codec", "signature": signature,
             "visible": [{"input": [names, lists], "expected": expected}]}  # fmt: skip
    asked = problem_from_json(given)
    assert problem_from_json(problem_to_json(asked)) == asked
    assert verdicts(judge, CODEC, asked, asked.visible[0]) == "AC"
    wrong = CODEC.replace("self.deserialize(rest[:-1])", "None")
    told = only(judge, wrong, asked, case(names, lists, expected=expected)).message
    assert told.startswith('operation 2, deserialize("1(2())"): expected 2 items, got 1 item')


@pytest.mark.parametrize(
    "signature",
    [{"kind": "design", "name": "A", "operations": ["f(x: "]},
     {"kind": "design", "name": "A", "operations": ["f(x)", "f(y)"]},
     {"kind": "function", "name": "f", "operations": ["f(x)"]}],
)  # fmt: skip
def test_operations_are_checked(signature: dict[str, Any]) -> None:
    tests = [{"input": [["A"], [[]]], "expected": [None]}]
    with pytest.raises(ProblemError, match=r"signature\.operations"):
        problem_from_json({"name": "a", "signature": signature, "visible": tests})
