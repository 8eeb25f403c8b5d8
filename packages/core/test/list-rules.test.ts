import { CorruptDataError, InvalidArgumentError } from "@sessiondb/core";
import { decodeRows, pageOfAll, pageOfRows, readingOrder, type RowPage } from "@sessiondb/core/adapter";
import { describe, expect, test } from "vitest";

interface Row {
  id: string;
  fault?: Error;
}

const corrupt = (id: string): CorruptDataError => new CorruptDataError("agno_runs.run_data", id);

function decode({ id, fault }: Row): string {
  if (fault !== undefined) {
    throw fault;
  }
  return `decoded ${id}`;
}

const how = { decode, idOf: ({ id }: Row) => id };

function page(...items: Row[]): RowPage<Row, number> {
  return { items, next: 7, previous: 3 };
}

describe("a row that cannot be read", () => {
  const [first, third] = [corrupt("a"), corrupt("c")];
  const rows = page({ id: "a", fault: first }, { id: "b" }, { id: "c", fault: third }, { id: "d" });

  test("is reported beside the others, which keep their order and cursors", () => {
    expect(decodeRows(rows, { onUnreadable: "report" }, how)).toEqual({
      items: ["decoded b", "decoded d"],
      next: 7,
      previous: 3,
      unreadable: [
        { id: "a", error: first },
        { id: "c", error: third },
      ],
    });
  });

  test("rejects the list when asked to", () => {
    expect(() => decodeRows(rows, { onUnreadable: "throw" }, how)).toThrow(first);
  });

  test("is one whose content is unreadable: any other fault rejects the list", () => {
    const fault = new InvalidArgumentError("run", "a run");
    for (const onUnreadable of ["report", "throw"] as const) {
      expect(() => decodeRows(page({ id: "a" }, { id: "b", fault }), { onUnreadable }, how)).toThrow(fault);
    }
  });

  test("may be every row of a page, which still has a next page", () => {
    const listed = decodeRows(page({ id: "a", fault: first }), { onUnreadable: "report" }, how);
    expect(listed).toMatchObject({ items: [], next: 7, previous: 3, unreadable: [{ id: "a" }] });
  });
});

const compare = (a: number, b: number): number => a - b;
const numbers = { compare, positionOf: (row: number) => row };
const all = [5, 1, 4, 2, 3];

describe("a page of a list", () => {
  test.each([
    [{ limit: 2, start: null }, [1, 2], [2, null]],
    [{ limit: 5, start: null }, [1, 2, 3, 4, 5], [null, null]],
    [{ limit: 2, start: { position: 2, side: "after" } }, [3, 4], [4, 3]],
    [{ limit: 2, start: { position: 3, side: "after" } }, [4, 5], [null, 4]],
    [{ limit: 2, start: { position: 5, side: "after" } }, [], [null, null]],
    [{ limit: 2, start: { position: 4, side: "before" } }, [2, 3], [3, 2]],
    [{ limit: 2, start: { position: 3, side: "before" } }, [1, 2], [2, null]],
    [{ limit: 9, start: { position: 9, side: "before" } }, [1, 2, 3, 4, 5], [5, null]],
    [{ limit: 2, start: { position: 1, side: "before" } }, [], [null, null]],
    [{ limit: 2, start: null, offset: 2 }, [3, 4], [4, 3]],
    [{ limit: 2, start: null, offset: 9 }, [], [null, null]],
    [{ limit: 0, start: null }, [], [null, null]],
    // Beside what is not there any more.
    [{ limit: 2, start: { position: 2.5, side: "after" } }, [3, 4], [4, 3]],
    [{ limit: 2, start: { position: 2.5, side: "before" } }, [1, 2], [2, null]],
  ] as const)("%j", (query, items, [next, previous]) => {
    expect(pageOfAll(all, query, numbers)).toEqual({ items, next, previous });
  });

  test("is read away from its start, with one row more than it holds", () => {
    const start = { position: 4, side: "before" } as const;
    expect(readingOrder({ sortOrder: "asc", start })).toBe("desc");
    expect(readingOrder({ sortOrder: "desc", start })).toBe("asc");
    expect(readingOrder({ sortOrder: "desc", start: { ...start, side: "after" } })).toBe("desc");
    expect(readingOrder({ sortOrder: "asc", start: null })).toBe("asc");
    expect(pageOfRows([3, 2, 1], { limit: 2, start }, (row) => row)).toEqual({ items: [2, 3], next: 3, previous: 2 });
  });
});
