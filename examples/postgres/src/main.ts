import { SessionDbError } from "@sessiondb/core";
import { deploy } from "./deploy.ts";
import { serve } from "./serve.ts";

const ownerUrl = process.env["DATABASE_URL"];
if (ownerUrl === undefined || ownerUrl === "") {
  console.error(
    "DATABASE_URL is not set: postgres://user:password@host:5432/database, of a user who may create schemas",
  );
  process.exit(1);
}
try {
  await serve(await deploy(ownerUrl, ["example_support", "example_research"]));
} catch (error) {
  console.error(SessionDbError.isInstance(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
}
