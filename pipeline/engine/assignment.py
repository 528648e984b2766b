"""Which fences and leaves each person of a shard has, by person row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.compiled_fences import CompiledFences, LeavePlace
from pipeline.engine.intervals import ranges, starts_of_runs
from pipeline.engine.subject_table import SubjectTable
from pipeline.sites.records import Leave

Ints = NDArray[np.int64]


class Lists:
    """A list of numbers per owner: owner ``o`` has ``items[first[o]:first[o + 1]]``."""

    def __init__(self, lists: Iterable[Iterable[int]]) -> None:
        parts = [np.fromiter(part, np.int64) for part in lists]
        self.first = np.cumsum([0] + [len(part) for part in parts]).astype(np.int64)
        self.items = np.concatenate([np.empty(0, np.int64), *parts])

    @classmethod
    def of_pairs(cls, owners: int, owner: Ints, item: Ints) -> Lists:
        """Pairs of an owner and a number, by owner."""
        lists = cls(())
        lists.first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=owners))]).astype(np.int64)
        lists.items = item
        return lists

    def append(self, lists: Iterable[Iterable[int]]) -> None:
        """The lists of further owners."""
        more = Lists(lists)
        self.first = np.concatenate([self.first, self.first[-1] + more.first[1:]])
        self.items = np.concatenate([self.items, more.items])

    def of(self, owner: int) -> list[int]:
        """The numbers of one owner."""
        items: list[int] = self.items[self.first[owner] : self.first[owner + 1]].tolist()
        return items

    def pairs(self, owners: Ints) -> tuple[Ints, Ints]:
        """Rows of ``owners`` and their numbers, each pair once; both of shape (k,), by row."""
        row, item = ranges(self.first[owners], self.first[owners + 1])
        return row, self.items[item]


class Assignment:
    """Fences by person row (keep_in, and keep_out by name of the person); leaves by person."""

    def __init__(
        self,
        leaves: Sequence[Leave],
        leave_places: Sequence[tuple[LeavePlace, ...]],
        compiled: CompiledFences,
        subjects: SubjectTable,
    ) -> None:
        """``leave_places`` has the areas of each leave; those of people of other shards are passed over."""
        self.compiled = compiled
        self.subjects = subjects
        self.row_office = _office_codes(compiled.office_spans, subjects)
        codes = map(compiled.class_code.__getitem__, subjects.row_class)
        self.row_class = np.fromiter(codes, np.int64, len(subjects.row_class))
        self._set_fences()
        self._set_leaves(leaves, leave_places)

    def _set_fences(self) -> None:
        """Of each row the fences that name its person, and the keep_in ones that name what it belongs to."""
        compiled, subjects = self.compiled, self.subjects
        owner, rows = subjects.rows.owner, len(subjects.row_office)
        person, fence = compiled.named(subjects.person_ids)
        keeps_in = compiled.keep_in[fence]
        by_person = [
            Lists.of_pairs(len(subjects.person_ids), person[chosen], fence[chosen])
            for chosen in (keeps_in, ~keeps_in)
        ]
        self.keep_in, self.keep_out = (Lists.of_pairs(rows, *named.pairs(owner)) for named in by_person)
        for_many = self._for_many()
        if any(for_many.values()):
            key = zip(self.row_class.tolist(), self.row_office.tolist(), strict=True)
            own = (by_person[0].of(number) for number in owner.tolist())
            self.keep_in = Lists(sorted({*for_many[of], *mine}) for of, mine in zip(key, own, strict=True))

    def _for_many(self) -> dict[tuple[int, int], list[int]]:
        """The keep_in fences of all classes and offices that rows have, by their numbers."""
        subjects = self.subjects
        key = self.row_class * (int(self.row_office.max(initial=0)) + 1) + self.row_office
        found = {}
        for row in np.unique(key, return_index=True)[1].tolist():
            of = int(self.row_class[row]), int(self.row_office[row])
            found[of] = self.compiled.keep_in_for(
                subjects.row_class[row], subjects.row_office[row], subjects.row_tree[row]
            )
        return found

    def _set_leaves(self, leaves: Sequence[Leave], leave_places: Sequence[tuple[LeavePlace, ...]]) -> None:
        number = self.subjects.person_number
        owned = sorted(
            (number[leave.person_id], code) for code, leave in enumerate(leaves) if leave.person_id in number
        )
        #: Leaves by number, and the numbers of each person who has any.
        self.leaves: list[Leave] = [leaves[code] for _, code in owned]
        self.leave_places: list[tuple[LeavePlace, ...]] = [leave_places[code] for _, code in owned]
        self.leave_numbers: dict[int, tuple[int, ...]] = {}
        for leave, (person, _) in enumerate(owned):
            self.leave_numbers[person] = (*self.leave_numbers.get(person, ()), leave)
        self._set_places(owned)

    def _set_places(self, owned: list[tuple[int, int]]) -> None:
        flat = [
            (person, leave.valid_from_ms, leave.valid_to_ms, leave.approved_at_ms, place)
            for (person, _), leave, places in zip(owned, self.leaves, self.leave_places, strict=True)
            for place in places
        ]
        starts = starts_of_runs(np.array([row[0] for row in flat], np.int64), len(self.subjects.person_ids))
        self.place_first, self.place_beyond = starts[:-1].copy(), starts[1:].copy()
        self.place_from = np.array([row[1] for row in flat], np.int64)
        self.place_to = np.array([row[2] for row in flat], np.int64)
        self.place_approved = np.array([row[3] for row in flat], np.int64)
        self.place_area = np.array([row[4].area for row in flat], np.int64)
        by_policy = [row[4].tolerances_m for row in flat]
        self.place_tolerance_m = np.array(by_policy, np.float64).reshape(-1, len(self.compiled.policies))

    def take(self, part: Assignment, rows: Sequence[tuple[int, int]]) -> None:
        """New rows of the subjects, in order, each with the row of another assignment that it is."""
        mine = [row for _, row in rows]
        self.row_office = np.concatenate([self.row_office, part.row_office[mine]])
        self.row_class = np.concatenate([self.row_class, part.row_class[mine]])
        self.keep_in.append(part.keep_in.of(row) for row in mine)
        self.keep_out.append(part.keep_out.of(row) for row in mine)

    def take_leaves(self, person: int, part: Assignment, of: int | None) -> list[int]:
        """A person's leaves are those of a person of another assignment; the numbers that are no more."""
        known = {(self.leaves[n].leave_id, self.leaves[n].valid_from_ms): n for n in self.leaves_of(person)}
        numbers = []
        for mine in () if of is None else part.leaves_of(of):
            leave, places = part.leaves[mine], part.leave_places[mine]
            number = known.pop((leave.leave_id, leave.valid_from_ms), None)
            if number is None:
                number = len(self.leaves)
                self.leaves.append(leave)
                self.leave_places.append(places)
            self.leaves[number], self.leave_places[number] = leave, places
            numbers.append(number)
        self.leave_numbers[person] = tuple(numbers)
        self._take_places(person, part, of)
        return list(known.values())

    def _take_places(self, person: int, part: Assignment, of: int | None) -> None:
        mine = slice(0, 0) if of is None else slice(int(part.place_first[of]), int(part.place_beyond[of]))
        people = len(self.subjects.person_ids)
        if people > len(self.place_first):
            room = np.zeros(people - len(self.place_first) + people // 8 + 64, np.int64)
            self.place_first = np.concatenate([self.place_first, room])
            self.place_beyond = np.concatenate([self.place_beyond, room])
        self.place_first[person] = len(self.place_area)
        for name in ("place_from", "place_to", "place_approved", "place_area", "place_tolerance_m"):
            setattr(self, name, np.concatenate([getattr(self, name), getattr(part, name)[mine]]))
        self.place_beyond[person] = len(self.place_area)

    def leaves_of(self, person: int) -> tuple[int, ...]:
        """The numbers of a person's leaves in ``leaves`` and ``leave_places``."""
        return self.leave_numbers.get(person, ())

    def keep_in_scopes(self, person: int) -> list[int]:
        """The groups of keep_in fences that some row of a person has."""
        rows = self.subjects.rows
        fences = [fence for row in rows.of_owner(person).tolist() for fence in self.keep_in.of(row)]
        scopes: list[int] = np.unique(self.compiled.scope[fences]).tolist() if fences else []
        return scopes

    def applies(self, fence: int, row: int) -> bool:
        """Does a fence apply to a person's row?"""
        subjects = self.subjects
        person_id = subjects.person_ids[int(subjects.rows.owner[row])]
        above = self.compiled.office_trees[subjects.row_tree[row]].above[subjects.row_office[row]]
        return any(
            selector == "all"
            or selector == f"person:{person_id}"
            or selector == f"class:{subjects.row_class[row]}"
            or (selector.startswith("office:") and selector[7:] in above)
            for selector in self.compiled.applies_to(fence)
        )


def _office_codes(spans: Sequence[Mapping[str, tuple[int, int]]], subjects: SubjectTable) -> Ints:
    """The number of each row's office in the tree that the row is of, which its interval begins with."""
    if len(spans) == 1:
        found = map(spans[0].__getitem__, subjects.row_office)
        return np.fromiter(map(itemgetter(0), found), np.int64, len(subjects.row_office))
    offices = zip(subjects.row_tree, subjects.row_office, strict=True)
    return np.fromiter((spans[tree][office][0] for tree, office in offices), np.int64)
