import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgumentError, StepValueMismatchError, type JsonValue } from "@sessiondb/core";
import { objectWith, optional } from "@sessiondb/core/adapter";
import { jsonOf, portable } from "../outside-values.ts";
import { placeOf } from "../state-schema.ts";

export const schema = optional(
  objectWith<StandardSchemaV1>(
    ["~standard"],
    "a schema of Zod, Valibot, ArkType or another library of Standard Schema",
  ),
);

type Schema = StandardSchemaV1 | undefined;

/** Returns a value as its schema returns it. @throws StepValueMismatchError when it does not fit. */
export async function fitted(
  value: JsonValue,
  { given, stepName, side }: { readonly given: Schema; readonly stepName: string; readonly side: "input" | "output" },
): Promise<JsonValue> {
  const result = await given?.["~standard"].validate(value);
  if (result?.issues !== undefined) {
    const [places, issues] = [result.issues.map(placeOf), result.issues.map(({ message }) => message)];
    throw new StepValueMismatchError(stepName, { side, places, issues });
  }
  return result === undefined ? value : asJson(result.value, `The ${side} of the step ${JSON.stringify(stepName)}`);
}

/** Returns an answer as the schema returns it. @throws InvalidArgumentError when it does not fit. */
export async function fittedAnswer(resumeData: JsonValue, given: Schema): Promise<JsonValue> {
  const result = await given?.["~standard"].validate(resumeData);
  if (result?.issues !== undefined) {
    const places = result.issues.map(placeOf).join(", ");
    throw new InvalidArgumentError("resumeData", `an answer that fits the step's resumeSchema at ${places}`);
  }
  return result === undefined ? resumeData : asJson(result.value, "resumeData");
}

function asJson(value: unknown, argument: string): JsonValue {
  return jsonOf(portable(value, argument));
}
