import type { MemoryDb, SessionDb, UserMemory } from "@sessiondb/core";
import { expect, test } from "vitest";
import type { Agno } from "../src/agno.ts";
import { isInstalled, startAgno, withAgnoOnEach } from "./support.ts";

type Fields = Readonly<Record<string, unknown>>;

function memoriesOf(db: SessionDb): MemoryDb {
  if (db.memories === null) {
    throw new Error("The store keeps no memories");
  }
  return db.memories;
}

/** The rows as Agno reads them, with the total that it counts. */
async function listed(agno: Agno, db: string, options: Fields = {}): Promise<[rows: Fields[], total: number]> {
  const answer: unknown = await agno.db(db, "get_user_memories", { deserialize: false, ...options });
  return answer as [Fields[], number];
}

async function idsIn(agno: Agno, db: string, options: Fields = {}): Promise<string[]> {
  const [rows] = await listed(agno, db, options);
  return rows.map((row) => String(row["memory_id"])).toSorted();
}

const ids = (memories: readonly UserMemory[]): string[] => memories.map(({ memoryId }) => memoryId);

/** Memories as Agno writes them. */
const agnos: readonly Fields[] = [
  { memory_id: "a1", memory: "Isst gern Äpfel", topics: ["Obst", "Küche"], user_id: "ada", input: "Ich mag Äpfel é" },
  { memory_id: "a2", memory: 'Says "hi" 100% 😀', topics: null, user_id: "ada", agent_id: "tutor", feedback: "gut" },
  { memory_id: "a3", memory: "Lives in 東京", topics: [], user_id: "ada", team_id: "crew" },
  { memory_id: "a4", memory: "Likes tea", topics: ["Obst"], user_id: "bob" },
  { memory_id: "a5", memory: "Nobody's fact", topics: ["none"] },
  { memory_id: "a6", memory: "What the default user said", topics: ["none"], user_id: "default" },
];

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  async function agnoFirst(): Promise<{ shared: Awaited<ReturnType<typeof fresh>>; db: string }> {
    const shared = await fresh();
    const db = await shared.openIn(agno);
    for (const memory of agnos) {
      await agno.call("memory", { db, method: "upsert_user_memory", memory });
    }
    return { shared, db };
  }

  test.runIf(isInstalled("first") && isInstalled("two")).each(["first", "two"] as const)(
    "the %s release of Agno shares the table",
    { timeout: 60_000 },
    async (release) => {
      const shared = await fresh();
      await using own = shared.open();
      const memories = memoriesOf(own);
      await memories.upsertMemory({ memoryId: "ours", userId: "ada", memory: "Mag Käse", topics: ["Käse"] });
      const older = startAgno(release);
      const db = await shared.openIn(older);
      const [[row]] = await listed(older, db, { user_id: "ada" });
      expect(row).toMatchObject({ memory: "Mag Käse", topics: ["Käse"] });
      const theirs = { memory_id: "theirs", memory: "Mag Öl", topics: ["Öl"], user_id: "ada" };
      await older.call("memory", { db, method: "upsert_user_memory", memory: theirs });
      expect(ids((await memories.getMemories({ text: "öl", topics: ["Öl"] })).memories)).toEqual(["theirs"]);
      await memories.updateMemory({ memoryId: "theirs", userId: "ada" }, { memory: "Mag Olivenöl" });
      expect((await listed(older, db, { search_content: "Oliven" }))[1]).toBe(1);
    },
  );

  test("ours reads what Agno wrote", { timeout: 60_000 }, async () => {
    const { shared, db } = await agnoFirst();
    await using own = shared.open();
    const memories = memoriesOf(own);
    const [rows] = await listed(agno, db);
    for (const row of rows) {
      const memoryId = String(row["memory_id"]);
      expect(await memories.getMemory({ memoryId })).toEqual({
        memoryId,
        memory: row["memory"],
        topics: row["topics"],
        userId: row["user_id"],
        input: row["input"],
        feedback: row["feedback"],
        agentId: row["agent_id"],
        teamId: row["team_id"],
        createdAt: row["created_at"],
        updatedAt: row["updated_at"],
      });
    }
    expect(rows).toHaveLength(agnos.length);
    const order = { sortBy: "createdAt", sortOrder: "asc" } as const;
    expect(ids((await memories.getMemories({ userId: "ada", ...order })).memories).toSorted()).toEqual([
      "a1",
      "a2",
      "a3",
    ]);
    for (const [text, found] of [
      ["ÄPFEL", "a1"],
      ['"HI" 100%', "a2"],
      ["😀", "a2"],
      ["東", "a3"],
    ]) {
      expect(ids((await memories.getMemories({ text: text ?? "" })).memories)).toEqual([found]);
    }
    expect(ids((await memories.getMemories({ topics: ["Küche", "Obst"] })).memories)).toEqual(["a1"]);
    expect(
      ids((await memories.getMemories({ topics: ["Küche", "none"], topicMatch: "any", userId: "ada" })).memories),
    ).toEqual(["a1"]);
    expect(await memories.getMemoryTopics()).toEqual([
      { topic: "Obst", count: 2 },
      { topic: "none", count: 2 },
      { topic: "Küche", count: 1 },
    ]);
    const { users } = await memories.getMemoryStats();
    expect(users.map(({ userId, count }) => `${userId} ${count}`).toSorted()).toEqual(["ada 3", "bob 1", "default 1"]);
  });

  test("ours changes and deletes what Agno wrote, and Agno reads the outcome", { timeout: 60_000 }, async () => {
    const { shared, db } = await agnoFirst();
    await using own = shared.open();
    const memories = memoriesOf(own);
    await memories.updateMemory({ memoryId: "a1", userId: "ada" }, { memory: "Isst gern Birnen — é 😀" });
    await memories.changeMemories({ userId: "ada", remove: ["a2"], update: [{ memoryId: "a3", topics: ["Städte"] }] });
    expect(await memories.upsertMemory({ userId: "bob", memory: "likes TEA." })).toMatchObject({ memoryId: "a4" });
    const [rows] = await listed(agno, db, { user_id: "ada" });
    expect(rows.toSorted((a, b) => (String(a["memory_id"]) < String(b["memory_id"]) ? -1 : 1))).toEqual([
      expect.objectContaining({
        memory_id: "a1",
        memory: "Isst gern Birnen — é 😀",
        topics: ["Obst", "Küche"],
        input: "Ich mag Äpfel é",
      }),
      expect.objectContaining({ memory_id: "a3", memory: "Lives in 東京", topics: ["Städte"], team_id: "crew" }),
    ]);
    await expect(memories.deleteMemory({ memoryId: "a5", userId: "ada" })).rejects.toMatchObject({
      code: "MEMORY_OWNERSHIP",
    });
    const trusted = { memoryId: "a5" };
    expect(await memories.updateMemory(trusted, { topics: ["whose"] })).toMatchObject({
      userId: null,
      topics: ["whose"],
    });
    expect(await memories.deleteMemory(trusted)).toBe(true);
    expect(await memories.clearMemories({ userId: "ada" })).toBe(2);
    expect(await idsIn(agno, db)).toEqual(["a4", "a6"]);
  });

  test(
    "Agno reads, changes and deletes what ours wrote, in the table that ours made",
    { timeout: 60_000 },
    async () => {
      const shared = await fresh();
      await using own = shared.open();
      const memories = memoriesOf(own);
      await memories.upsertMemories([
        {
          memoryId: "o1",
          userId: "ada",
          memory: "Mag Käse",
          topics: ["Essen", "Käse"],
          input: "é 😀",
          agentId: "tutor",
        },
        { memoryId: "o2", userId: "ada", memory: 'Back\\slash and "quotes"', teamId: "crew", feedback: "ok" },
        { memoryId: "o3", userId: "bob", memory: "42", topics: [] },
      ]);
      const db = await shared.openIn(agno);
      const [rows, total] = await listed(agno, db, { user_id: "ada", sort_by: "memory_id", sort_order: "asc" });
      expect(total).toBe(2);
      expect(rows).toEqual([
        expect.objectContaining({ memory: "Mag Käse", topics: ["Essen", "Käse"], input: "é 😀", agent_id: "tutor" }),
        expect.objectContaining({ memory: 'Back\\slash and "quotes"', topics: null, team_id: "crew", feedback: "ok" }),
      ]);
      expect(await idsIn(agno, db, { topics: ["Essen"] })).toEqual(["o1"]);
      expect(await idsIn(agno, db, { search_content: "Mag K" })).toEqual(["o1"]);
      expect(await agno.db(db, "get_all_memory_topics", {})).toEqual(expect.arrayContaining(["Essen", "Käse"]));
      expect(await agno.db(db, "get_user_memory", { memory_id: "o3", user_id: "bob" })).toMatchObject({ memory: "42" });
      const versions = await shared.query(
        "select version from agno_schema_versions where table_name = 'agno_memories'",
      );
      expect(versions).toEqual([{ version: "3.0.0" }]);

      // Agno replaces the row: what it is not given is gone, which ours shows.
      const replaced = { memory_id: "o1", memory: "Mag Käse nicht", user_id: "ada" };
      await agno.call("memory", { db, method: "upsert_user_memory", memory: replaced });
      expect(await memories.getMemory({ memoryId: "o1" })).toMatchObject({ memory: "Mag Käse nicht", topics: null });
      expect(await memories.upsertMemory({ userId: "ada", memory: "mag käse nicht!" })).toMatchObject({
        memoryId: "o1",
      });
      expect((await memories.upsertMemory({ userId: "ada", memory: "Mag Käse" })).memoryId).not.toBe("o1");
      await agno.db(db, "delete_user_memory", { memory_id: "o2", user_id: "ada" });
      expect(await memories.getMemory({ memoryId: "o2" })).toBeNull();
      await agno.db(db, "clear_memories", {});
      expect((await memories.getMemories()).memories).toEqual([]);
      expect((await memories.upsertMemory({ userId: "ada", memory: "Mag Käse" })).memory).toBe("Mag Käse");
    },
  );

  test("lists go on across memories that Agno stored without a time of change", { timeout: 60_000 }, async () => {
    const { shared, db } = await agnoFirst();
    await using own = shared.open();
    const memories = memoriesOf(own);
    const old = Array.from({ length: 9 }, (_, index) => ({
      memory_id: `old${index}`,
      memory: `Old fact ${index}`,
      user_id: "ada",
      created_at: 1_600_000_000 + (index % 3),
    }));
    // MySQL keeps the time only where Agno updates; elsewhere it takes the null that is given.
    await agno.call("memory", { db, method: "upsert_memories", memory: old, preserve_updated_at: true });
    const whole = await memories.getMemories({ userId: "ada" });
    const walked: UserMemory[] = [];
    for await (const page of memories.memoryPages({ userId: "ada", limit: 2 })) {
      walked.push(...page.memories);
    }
    expect(walked).toEqual(whole.memories);
    expect(walked).toHaveLength(12);
    const times = walked.map(({ updatedAt }) => updatedAt);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    const changed = await memories.updateMemory({ memoryId: "old0", userId: "ada" }, { topics: ["new"] });
    expect(changed?.updatedAt).toBeGreaterThan(1_700_000_000);
  });

  test("ours reads what only another program can store", { timeout: 60_000 }, async () => {
    const { shared, db } = await agnoFirst();
    for (const memory of [
      { memory_id: "x1", memory: null, user_id: "eve" },
      { memory_id: "x2", memory: { memory: "Likes ÖL" }, user_id: "eve" },
      { memory_id: "x3", memory: ["a"], user_id: "eve" },
    ]) {
      await agno.call("memory", { db, method: "upsert_user_memory", memory });
    }
    await using own = shared.open();
    const memories = memoriesOf(own);
    const { memories: found, unreadable } = await memories.getMemories({ userId: "eve" });
    expect(found.map(({ memoryId, memory }) => `${memoryId} ${memory}`).toSorted()).toEqual(["x1 ", "x2 Likes ÖL"]);
    expect(unreadable).toEqual([{ id: "x3", error: expect.objectContaining({ code: "CORRUPT_DATA" }) }]);
    expect(ids((await memories.getMemories({ text: "likes öl" })).memories)).toEqual(["x2"]);
    expect(await memories.upsertMemory({ userId: "eve", memory: "likes öl" })).toMatchObject({ memoryId: "x2" });
    expect(await memories.updateMemory({ memoryId: "x1" }, { memory: "Now a fact" })).toMatchObject({
      memory: "Now a fact",
    });
    expect(await memories.clearMemories({ userId: "eve" })).toBe(3);
  });

  test("an agent of Agno is told what ours keeps, and ours what it remembers", { timeout: 60_000 }, async () => {
    const shared = await fresh();
    await using own = shared.open();
    const memories = memoriesOf(own);
    const { memoryId } = await memories.upsertMemory({ userId: "ada", memory: "Isst gern Äpfel", topics: ["food"] });
    await memories.upsertMemory({ userId: "bob", memory: "Likes tea" });
    const db = await shared.openIn(agno);
    const component = `agent on ${name}`;
    const options = { update_memory_on_run: true, memory_manager: {} };
    await agno.call("agent", { name: component, db, ...options });
    const { run, shown } = await agno.run(component, "I moved to Zürich", {
      user_id: "ada",
      session_id: "s1",
      scripts: {
        [component]: [{ text: "Nice" }],
        [`${component} memory`]: [
          {
            tools: [
              { name: "add_memory", arguments: { memory: "Lives in Zürich", topics: ["place"] } },
              { name: "update_memory", arguments: { memory_id: memoryId, memory: "Isst gern Birnen", topics: [] } },
            ],
          },
          { text: "done" },
        ],
      },
    });
    expect(run["content"]).toBe("Nice");
    const system = JSON.stringify(shown[component]?.[0]?.[0]?.content);
    expect(system).toMatch(/Isst gern (Äpfel|Birnen)/);
    expect(system).not.toContain("Likes tea");
    const { memories: found } = await memories.getMemories({ userId: "ada" });
    expect(found.map(({ memory }) => memory).toSorted()).toEqual(["Isst gern Birnen", "Lives in Zürich"]);
    const [added] = found.filter(({ memory }) => memory === "Lives in Zürich");
    expect(added).toMatchObject({ agentId: component, input: "I moved to Zürich", topics: ["place"], userId: "ada" });
    expect((await memories.getMemories({ text: "zÜRICH" })).memories).toHaveLength(1);
  });
});
