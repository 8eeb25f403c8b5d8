import { SessionDbError, type SessionDbErrorCode } from "@sessiondb/core";

const statuses: Readonly<Record<SessionDbErrorCode, number>> = {
  ADAPTER_NOT_INSTALLED: 500,
  CLOSED: 503,
  CORRUPT_DATA: 500,
  DATABASE_BUSY: 503,
  DATABASE_ERROR: 500,
  DATABASE_FULL: 507,
  DATABASE_READ_ONLY: 503,
  DATABASE_UNREACHABLE: 503,
  IN_USE: 409,
  INPUT_REFUSED: 422,
  INVALID_ARGUMENT: 400,
  INVALID_CONNECTION_STRING: 500,
  OUTPUT_REFUSED: 422,
  PARTIAL_DELETE: 503,
  PAYLOAD_TOO_LARGE: 413,
  PERMISSION_DENIED: 500,
  RUN_CANCELLED: 409,
  RUN_CONFLICT: 409,
  RUN_NOT_CONTINUABLE: 409,
  RUNS_NOT_READ: 500,
  SCHEMA_MISMATCH: 500,
  SESSION_COMPONENT_MISMATCH: 404,
  SESSION_OWNERSHIP: 404,
  SESSION_STATE_MISMATCH: 500,
  SESSION_TYPE_MISMATCH: 404,
  STORAGE_DISABLED: 500,
};

/** Returns the HTTP status for an error of an agent or a store. */
export function httpStatusOf(error: unknown): number {
  return SessionDbError.isInstance(error) ? statuses[error.code] : 500;
}
