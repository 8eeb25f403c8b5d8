// What others do to the tables: triggers, rules, row-level security, views, keys, types.

const trigger = (table: string, when: string, body: string) => (schema: string) => [
  `create function ${schema}.f() returns trigger language plpgsql as $$ begin ${body} end $$`,
  `create trigger f before ${when} on ${schema}.${table} for each row execute function ${schema}.f()`,
];
const raise = (code: string) =>
  `raise exception 'no: %', coalesce(new, old)::text using errcode = '${code}', detail = coalesce(new, old)::text, hint = coalesce(new, old)::text;`;
const policies =
  (table: string, ...rules: readonly string[]) =>
  (schema: string) => [
    `alter table ${schema}.${table} enable row level security, force row level security`,
    ...rules.map((rule, index) => `create policy p${index} on ${schema}.${table} ${rule}`),
  ];
export const tables = ["agno_sessions", "agno_runs"] as const;

/** What was done to the tables, and which operations it must not let through; all others may do as they like. */
export const features: Readonly<Record<string, (schema: string) => readonly string[]>> = {
  ...Object.fromEntries(
    tables.flatMap(
      (table) =>
        [
          ...["insert", "update", "delete"].flatMap(
            (when) =>
              [
                [`a trigger that suppresses each ${when} on ${table}`, trigger(table, when, "return null;")],
                [
                  `a rule that suppresses each ${when} on ${table}`,
                  (schema: string) => [`create rule x as on ${when} to ${schema}.${table} do instead nothing`],
                ],
              ] as const,
          ),
          [`a trigger that raises on ${table}`, trigger(table, "insert or update or delete", raise("P0001"))],
          [
            `a trigger that raises a duplicate on ${table}`,
            trigger(table, "insert or update or delete", raise("23505")),
          ],
          [
            `a trigger that raises "too long" on ${table}`,
            trigger(table, "insert or update or delete", raise("22001")),
          ],
          [
            `a trigger that raises a missing right on ${table}`,
            trigger(table, "insert or update or delete", raise("42501")),
          ],
          [`row-level security without policies on ${table}`, policies(table)],
          [`row-level security that only reads on ${table}`, policies(table, "for select using (true)")],
          [
            `row-level security without delete on ${table}`,
            policies(table, "for select using (true)", "for insert with check (true)", "for update using (true)"),
          ],
          [`row-level security that hides all on ${table}`, policies(table, "using (false) with check (true)")],
          [
            `row-level security that checks on ${table}`,
            policies(table, "using (true) with check (user_id = 'nobody')"),
          ],
          [
            `a constraint trigger that fails at COMMIT on ${table}`,
            (schema: string) => [
              `create function ${schema}.f() returns trigger language plpgsql as $$ begin ${raise("P0001")} end $$`,
              `create constraint trigger f after insert or update or delete on ${schema}.${table} deferrable initially deferred for each row execute function ${schema}.f()`,
            ],
          ],
          [
            `a further column that must not be null on ${table}`,
            (schema: string) => [
              `alter table ${schema}.${table} add extra text not null default 'x'`,
              `alter table ${schema}.${table} alter extra drop default`,
            ],
          ],
          [
            `a check on ${table}`,
            (schema: string) => [
              `alter table ${schema}.${table} add constraint no_more check (${table === "agno_runs" ? "run_data::text" : "concat(session_id, metadata, session_data)"} !~ 'again|^new')`,
            ],
          ],
          [
            `an auto-updatable view in place of ${table}`,
            (schema: string) => [
              `alter table ${schema}.${table} rename to base_${table}`,
              `create view ${schema}.${table} as select * from ${schema}.base_${table}`,
              `grant all on ${schema}.${table} to public`,
            ],
          ],
          [
            `a view that cannot be written in place of ${table}`,
            (schema: string) => [
              `alter table ${schema}.${table} rename to base_${table}`,
              `create view ${schema}.${table} as select distinct * from ${schema}.base_${table}`,
              `grant all on ${schema}.${table} to public`,
            ],
          ],
          [
            `a domain in ${table}`,
            (schema: string) => [
              `create domain ${schema}.short as varchar check (length(value) < 3)`,
              `alter table ${schema}.${table} alter user_id type ${schema}.short`,
            ],
          ],
          [
            `json in ${table}`,
            (schema: string) =>
              table === "agno_runs"
                ? [`alter table ${schema}.${table} alter run_data type json`]
                : [`alter table ${schema}.${table} alter metadata type json, alter session_data type json`],
          ],
        ] as const,
    ),
  ),
  "a further unique key on agno_sessions": (schema) => [
    `create unique index one_of_a_user on ${schema}.agno_sessions (user_id) where session_id <> 't'`,
  ],
  "a further unique key on agno_runs": (schema) => [
    `create unique index one_run on ${schema}.agno_runs ((run_data ->> 'content')) where run_id <> 'r2'`,
  ],
  "no key on agno_sessions": (schema) => [
    `alter table ${schema}.agno_sessions drop constraint agno_sessions_pkey cascade`,
  ],
  "no key on agno_runs": (schema) => [`alter table ${schema}.agno_runs drop constraint agno_runs_pkey`],
  "no foreign key": (schema) => [`alter table ${schema}.agno_runs drop constraint agno_runs_session_id_fkey`],
  "a generated column in agno_runs": (schema) => [
    `alter table ${schema}.agno_runs drop column team_id, add team_id varchar generated always as (agent_id) stored`,
  ],
  "short columns": (schema) => [
    `alter table ${schema}.agno_sessions alter session_id type varchar(1)`,
    `alter table ${schema}.agno_runs alter status type varchar(9), alter agent_id type varchar(7)`,
  ],
  "a small number in agno_runs": (schema) => [
    `alter table ${schema}.agno_runs alter run_index type smallint, alter updated_at type smallint using null`,
  ],
  "text for a number in agno_runs": (schema) => [`alter table ${schema}.agno_runs alter created_at type text`],
  "ids of one length": (schema) => [`alter table ${schema}.agno_runs alter run_id type character(64)`],
  "ids in which case does not count": (schema) => [
    `create collation ${schema}.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    `alter table ${schema}.agno_sessions alter user_id type varchar collate ${schema}.loose`,
  ],
  "no partition for new rows": (schema) => [
    `alter table ${schema}.agno_runs rename to old_runs`,
    `create table ${schema}.agno_runs (like ${schema}.old_runs, primary key (run_id)) partition by range (run_id)`,
    `create table ${schema}.part partition of ${schema}.agno_runs for values from ('r1') to ('r2zzz')`,
    `insert into ${schema}.agno_runs select * from ${schema}.old_runs`,
    `grant all on ${schema}.agno_runs, ${schema}.part to public`,
  ],
};
