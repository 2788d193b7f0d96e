"""A program with a fault, to be judged and repaired: see plugins/code/README.md."""


class Solution:
    """Two readings with a given sum."""

    def findPair(self, readings: list[int], total: int) -> list[int]:
        seen: dict[int, int] = {}
        for index, value in enumerate(readings):
            if total - value in seen:
                return [seen[total - value], index + 1]
            seen[value] = index
        return []
