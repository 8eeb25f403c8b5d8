import { turn } from "../../turn.js";

export async function POST() {
  return Response.json(await turn());
}
