import type { MessageOptions } from "@sessiondb/core";
import { expectTypeOf, test } from "vitest";
import {
  Agent,
  type AgentOptions,
  type Approval,
  type ConditionOptions,
  type GenerationSettings,
  type MemoryManagerOptions,
  type MemoryUpdateRequest,
  type LoopOptions,
  type PendingApproval,
  type RouterOptions,
  type RunOptions,
  type RunResult,
  type SessionOptions,
  type SessionSummaryManagerOptions,
  type StepOptions,
  type StepResult,
  type SummaryRequest,
  type TeamOptions,
  type UserMemoriesOptions,
  type UserSessionsOptions,
  type WorkflowOptions,
} from "@sessiondb/agent";

// With `exactOptionalPropertyTypes`, which this file is checked with, an option takes undefined only if its type says
// so. Every option does, except those that confine a call or name a store.

/** The options that may be left out, but not be undefined. */
type NotUndefined<Options> = {
  [Name in keyof Options]-?: object extends Pick<Options, Name>
    ? undefined extends Required<Options>[Name]
      ? never
      : Name
    : never;
}[keyof Options];

type Scopes = "db" | "userId" | "access";
type OptionsOf<Method extends keyof Agent> = Agent[Method] extends (...args: infer Args) => unknown
  ? NonNullable<Args[0]>
  : never;

test("every option takes undefined, except those that confine a call or name a store", () => {
  expectTypeOf<NotUndefined<AgentOptions>>().toEqualTypeOf<Scopes>();
  expectTypeOf<NotUndefined<TeamOptions>>().toEqualTypeOf<Scopes>();
  expectTypeOf<NotUndefined<WorkflowOptions>>().toEqualTypeOf<Scopes>();
  expectTypeOf<NotUndefined<GenerationSettings>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<SessionSummaryManagerOptions>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<SummaryRequest>>().toEqualTypeOf<"access">();
  expectTypeOf<NotUndefined<MemoryManagerOptions>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<MemoryUpdateRequest>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<UserMemoriesOptions>>().toEqualTypeOf<"userId">();

  expectTypeOf<NotUndefined<StepOptions>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<ConditionOptions>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<LoopOptions>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<RouterOptions>>().toEqualTypeOf<never>();
  expectTypeOf<NotUndefined<ConstructorParameters<typeof StepResult>[0]>>().toEqualTypeOf<never>();

  expectTypeOf<NotUndefined<RunOptions>>().toEqualTypeOf<"userId">();
  expectTypeOf<NotUndefined<OptionsOf<"continueRun">>>().toEqualTypeOf<"userId">();
  expectTypeOf<NotUndefined<Approval>>().toEqualTypeOf<never>();

  expectTypeOf<NotUndefined<SessionOptions>>().toEqualTypeOf<"sessionId" | "userId">();
  expectTypeOf<NotUndefined<UserSessionsOptions>>().toEqualTypeOf<"userId">();
  expectTypeOf<NotUndefined<MessageOptions>>().toEqualTypeOf<never>();
  type Methods =
    | "getSession"
    | "getMessages"
    | "renameSession"
    | "updateSessionState"
    | "forkSession"
    | "deleteSession";
  expectTypeOf<NotUndefined<OptionsOf<Methods>>>().toEqualTypeOf<"sessionId" | "userId">();
  expectTypeOf<NotUndefined<OptionsOf<"deleteUserSessions">>>().toEqualTypeOf<"userId">();
});

test("a pending approval names the call that an approval is about", () => {
  expectTypeOf<PendingApproval["toolCallId"]>().toEqualTypeOf<Approval["toolCallId"]>();
  expectTypeOf<RunResult["pendingApprovals"]>().toEqualTypeOf<readonly PendingApproval[]>();
});

test("a name and autogenerate exclude each other", () => {
  type Rename = OptionsOf<"renameSession">;
  expectTypeOf<{ sessionName: string; autogenerate: undefined }>().toExtend<Rename>();
  expectTypeOf<{ sessionName: undefined; autogenerate: true }>().toExtend<Rename>();
  expectTypeOf<{ sessionName: string; autogenerate: true }>().not.toExtend<Rename>();
  expectTypeOf<{ sessionName: undefined }>().not.toExtend<Rename>();
});
