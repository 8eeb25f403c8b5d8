// Every package can be imported. Put further programs next to this one: each file is type-checked and run.
import "@sessiondb/agent";
import "@sessiondb/ai-sdk";
import "@sessiondb/ai-sdk/codec";
import "@sessiondb/conformance";
import "@sessiondb/core";
import "@sessiondb/drizzle";
import "@sessiondb/mysql";
import "@sessiondb/postgres";
import "@sessiondb/sqlite";
import "@sessiondb/turns";
