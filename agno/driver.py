"""Drives the real Agno for tests: a JSON command a line on stdin, a JSON answer a line on stdout.

The model is scripted: each answer of it is a dictionary with `text`, `tools` (calls, as name and arguments), `fail`,
`cancel` (the id of a run) or `wait` (for a file).
"""

import asyncio
import inspect
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

os.environ["AGNO_TELEMETRY"] = "false"
# What Agno and its libraries print, which bind their output as they are imported, must not stand between the answers.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from agno.agent import Agent
from agno.approval import approval
from agno.db.base import SessionType
from agno.media import Audio, File, Image, Video
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.team import Team
from agno.tools import tool
from agno.tools.user_feedback import UserFeedbackTools
from agno.workflow import Step, Workflow
from agno.workflow.types import HumanReview


class ScriptedModel(Model):
    """Gives the answers of a script, one a call, and keeps what it was shown."""

    def __init__(self, script: list[dict], id: str = "scripted"):
        super().__init__(id=id, name="scripted", provider="scripted")
        self.script = list(script)
        self.shown: list[list[dict]] = []

    def _next(self, messages) -> ModelResponse:
        self.shown.append([{"role": message.role, "content": message.content} for message in messages])
        answer = self.script.pop(0) if self.script else {"text": "no answer is left"}
        if "fail" in answer:
            raise RuntimeError(answer["fail"])
        while "wait" in answer and not os.path.exists(answer["wait"]):
            time.sleep(0.01)
        if "cancel" in answer:
            Agent.cancel_run(answer["cancel"])
        calls = [
            {
                "id": call.get("id", f"call-{len(self.shown)}-{index}"),
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call.get("arguments", {}))},
            }
            for index, call in enumerate(answer.get("tools", []))
        ]
        return ModelResponse(role="assistant", content=answer.get("text"), tool_calls=calls)

    def invoke(self, *args, **kwargs):
        return self._next(kwargs["messages"] if "messages" in kwargs else args[0])

    async def ainvoke(self, *args, **kwargs):
        return self.invoke(*args, **kwargs)

    def invoke_stream(self, *args, **kwargs):
        yield self.invoke(*args, **kwargs)

    async def ainvoke_stream(self, *args, **kwargs):
        yield self.invoke(*args, **kwargs)

    def _parse_provider_response(self, response, **kwargs):
        return response

    def _parse_provider_response_delta(self, response):
        return response


CALLED: list[dict] = []


def note(what: str) -> str:
    """Takes a note."""
    CALLED.append({"name": "note", "what": what})
    return f"noted: {what}"


@tool(requires_confirmation=True)
def confirmed_note(what: str) -> str:
    """Takes a note once somebody has confirmed it."""
    CALLED.append({"name": "confirmed_note", "what": what})
    return f"noted: {what}"


@tool(requires_user_input=True, user_input_fields=["what"])
def asked_note(what: str) -> str:
    """Takes a note of what the user says."""
    CALLED.append({"name": "asked_note", "what": what})
    return f"noted: {what}"


@tool(external_execution=True)
def outside_note(what: str) -> str:
    """Takes a note elsewhere."""
    raise AssertionError("it runs elsewhere")


@approval
@tool(requires_confirmation=True)
def approved_note(what: str) -> str:
    """Takes a note once an administrator has approved it."""
    CALLED.append({"name": "approved_note", "what": what})
    return f"noted: {what}"


@approval(type="audit")
@tool(requires_confirmation=True)
def audited_note(what: str) -> str:
    """Takes a note once somebody has confirmed it, which is kept on record."""
    CALLED.append({"name": "audited_note", "what": what})
    return f"noted: {what}"


TOOLS = {
    "note": note,
    "confirmed_note": confirmed_note,
    "asked_note": asked_note,
    "outside_note": outside_note,
    "approved_note": approved_note,
    "audited_note": audited_note,
    "ask_user": UserFeedbackTools(),
}


MEDIA = {"images": Image, "audio": Audio, "videos": Video, "files": File}


def reflect_json_on_mariadb() -> None:
    """MariaDB reports its JSON columns as LONGTEXT, which Agno cannot bind a dictionary to."""
    from sqlalchemy import Table, event
    from sqlalchemy.dialects.mysql import LONGTEXT
    from sqlalchemy.types import JSON

    @event.listens_for(Table, "column_reflect")
    def reflected(inspector, table, column_info):
        if isinstance(column_info["type"], LONGTEXT):
            column_info["type"] = JSON()


def open_db(url: str, schema: str | None = None, **names: Any):
    if url.startswith("sqlite+aiosqlite"):
        from agno.db.sqlite import AsyncSqliteDb

        return AsyncSqliteDb(db_url=url, **names)
    if url.startswith("postgresql+psycopg_async"):
        from agno.db.postgres import AsyncPostgresDb

        return AsyncPostgresDb(db_url=url, db_schema=schema or "public", create_schema=False, **names)
    if url.startswith("sqlite"):
        from agno.db.sqlite import SqliteDb

        return SqliteDb(db_url=url, **names)
    if url.startswith("postgres"):
        from agno.db.postgres import PostgresDb

        return PostgresDb(db_url=url, db_schema=schema or "public", create_schema=False, **names)
    from agno.db.mysql import MySQLDb

    if url.startswith("mariadb"):
        reflect_json_on_mariadb()
    return MySQLDb(db_url=url.replace("mariadb", "mysql", 1), db_schema=schema, create_schema=False, **names)


class Driver:
    def __init__(self):
        self.dbs: dict[str, Any] = {}
        self.components: dict[str, Any] = {}
        self.models: dict[str, ScriptedModel] = {}
        self.loop = asyncio.new_event_loop()

    def version(self):
        from importlib.metadata import version

        return version("agno")

    def open(self, db: str, **options):
        self.dbs[db] = open_db(**options)

    def db(self, db: str, method: str, **arguments):
        """Calls a method of Agno's database as it is."""
        if "session_type" in arguments:
            arguments["session_type"] = SessionType(arguments["session_type"])
        return self._plain(getattr(self.dbs[db], method)(**arguments))

    def memory(self, db: str, method: str, memory: dict | list[dict], **arguments):
        """Calls a method of Agno's database with a memory, or with several."""
        from agno.db.schemas import UserMemory

        made = [UserMemory(**each) for each in memory] if isinstance(memory, list) else UserMemory(**memory)
        name = "memories" if isinstance(memory, list) else "memory"
        return self._plain(getattr(self.dbs[db], method)(**{name: made}, **arguments))

    def migrate(self, db: str, direction: str, **options):
        """Runs Agno's own migrations of the sessions, `up` or `down`."""
        import asyncio

        from agno.db.migrations.manager import MigrationManager

        asyncio.run(getattr(MigrationManager(self.dbs[db]), direction)(table_type="sessions", **options))

    def session(self, db: str, session_id: str, session_type: str, user_id: str | None = None):
        """A session as Agno's own objects read it; an error where they refuse it."""
        return self._plain(
            self.dbs[db].get_session(
                session_id=session_id, session_type=SessionType(session_type), user_id=user_id, deserialize=True
            )
        )

    def read_each(self, db: str, session_type: str, session_ids: list[str]):
        """Of each session the number of runs that Agno's objects have after reading it, or what they refuse."""
        return [self._read(db, session_type, each) for each in session_ids]

    def _read(self, db: str, session_type: str, session_id: str) -> int | str:
        try:
            found = self.dbs[db].get_session(session_id=session_id, session_type=SessionType(session_type))
            found.to_dict()
            if session_type != "workflow":
                found.get_messages()
                found.get_chat_history()
            return len(found.runs)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def history(self, db: str, session_id: str, session_type: str, **options):
        """The messages that the next run would be shown."""
        found = self.dbs[db].get_session(session_id=session_id, session_type=SessionType(session_type))
        return None if found is None else [plain(message) for message in found.get_messages(**options)]

    def session_data(self, db: str, session_id: str, session_type: str) -> str:
        """The data of a session as JSON text, which tells 1 from 1.0."""
        found = self.dbs[db].get_session(session_id=session_id, session_type=SessionType(session_type))
        return json.dumps(found.session_data, sort_keys=True)

    def agent(self, name: str, db: str, tools: list[str] = [], **options):
        self.components[name] = self._agent(name, db=self.dbs[db], tools=tools, **options)

    def _agent(self, name: str, tools: list[str] = [], **options) -> Agent:
        model = self.models[name] = ScriptedModel([])
        given = [TOOLS[each] for each in tools]
        if "compaction" in options:
            from agno.compaction import Compaction

            options["compaction"] = Compaction(**options["compaction"])
        self._give_manager(name, options)
        return Agent(id=name, name=name, model=model, tools=given, telemetry=False, **options)

    def _give_manager(self, name: str, options: dict) -> None:
        if "memory_manager" in options:
            from agno.memory import MemoryManager

            # A model of its own: it is asked while the component answers.
            asked = self.models[f"{name} memory"] = ScriptedModel([])
            options["memory_manager"] = MemoryManager(model=asked, **options["memory_manager"])

    def team(self, name: str, db: str, **options):
        self.components[name] = self._team(name, db=self.dbs[db], **options)

    def _team(self, name: str, members: list[dict], tools: list[str] = [], **options) -> Team:
        model = self.models[name] = ScriptedModel([])
        made = [self._team(**member) if "members" in member else self._agent(**member) for member in members]
        given = [TOOLS[each] for each in tools]
        self._give_manager(name, options)
        return Team(id=name, name=name, model=model, members=made, tools=given, telemetry=False, **options)

    def workflow(self, name: str, db: str, steps: list[dict], **options):
        made = []
        for step in steps:
            review = step.pop("review", None)
            own = {} if review is None else {"human_review": HumanReview(**review)}
            own["num_history_runs"] = step.pop("num_history_runs", 3)
            made.append(Step(name=step["name"], agent=self._agent(**step), **own))
        self.components[name] = Workflow(id=name, name=name, steps=made, db=self.dbs[db], telemetry=False, **options)

    def run(self, component: str, scripts: dict[str, list[dict]], input: Any = None, **options):
        """Runs a component, with an answer of each model after the other. Resolves with the run and what models were shown."""
        if isinstance(options.get("session_state"), str):
            options["session_state"] = json.loads(options["session_state"])
        self._script(scripts)
        for name in MEDIA.keys() & options.keys():
            options[name] = [MEDIA[name](**each) for each in options[name]]
        return self._outcome(self.components[component].run(input, **options))

    def resume(self, component: str, run_id: str, session_id: str, scripts: dict, decide: str | None, given: list = [], **options):
        """Continues a paused run, with each requirement that is open decided alike; without any for `decide: null`."""
        self._script(scripts)
        target = self.components[component]
        if decide is None:
            return self._outcome(target.continue_run(run_id=run_id, session_id=session_id, **options))
        paused = target.get_run_output(run_id=run_id, session_id=session_id)
        requirements = paused.requirements or []
        for requirement in requirements:
            if not requirement.is_resolved():
                self._decide(requirement, decide, given)
        answer = target.continue_run(run_id=run_id, session_id=session_id, requirements=requirements, **options)
        return self._outcome(answer)

    def _decide(self, requirement, decide: str, given: list) -> None:
        """Decides by a method of the requirement; `approve` by the one that its kind of pause has."""
        if decide != "approve":
            getattr(requirement, decide)(*given)
        elif requirement.needs_confirmation:
            requirement.confirm()
        elif requirement.needs_user_input:
            requirement.provide_user_input({"what": "tea"})
        else:
            requirement.set_external_execution_result("noted: outside")

    def compact(self, component: str, scripts: dict[str, list[dict]], **options):
        """Folds the history of an agent's session. Resolves with whether anything was folded."""
        self._script(scripts)
        return bool(self.components[component].compact(**options).compacted)

    def background(self, component: str, scripts: dict[str, list[dict]], input: Any = None, **options):
        """Runs a component in the background until it ends. Resolves with the statuses that its row had."""
        self._script(scripts)
        return self.loop.run_until_complete(self._background(self.components[component], input, options))

    async def _background(self, target, input: Any, options: dict) -> list[str]:
        run = await target.arun(input, background=True, **options)
        statuses = [plain(run.status)]
        while statuses[-1] in ("PENDING", "RUNNING"):
            await asyncio.sleep(0.02)
            found = await target.aget_run_output(run_id=run.run_id, session_id=run.session_id)
            if found is not None and plain(found.status) != statuses[-1]:
                statuses.append(plain(found.status))
        return statuses

    def tell(self, component: str, method: str, **arguments):
        """Calls a method of a component as it is."""
        return self._plain(getattr(self.components[component], method)(**arguments))

    def serve(self, components: list[str]):
        """Puts components behind Agno's own HTTP service, which `request` asks."""
        from agno.os import AgentOS
        from fastapi.testclient import TestClient

        found = [self.components[each] for each in components]
        kinds = {"agents": Agent, "teams": Team, "workflows": Workflow}
        given = {name: [each for each in found if isinstance(each, kind)] for name, kind in kinds.items()}
        self.service = TestClient(AgentOS(telemetry=False, **given).get_app(), raise_server_exceptions=False)

    def request(self, method: str, path: str, scripts: dict[str, list[dict]] = {}, **options):
        self._script(scripts)
        answer = self.service.request(method, path, **options)
        return {"status": answer.status_code, "body": answer.json() if answer.content else None}

    def _plain(self, value: Any) -> Any:
        return plain(self.loop.run_until_complete(value) if inspect.isawaitable(value) else value)

    def _script(self, scripts: dict[str, list[dict]]) -> None:
        CALLED.clear()
        for name, script in scripts.items():
            self.models[name].script = list(script)
            self.models[name].shown = []

    def _outcome(self, run) -> dict:
        shown = {name: model.shown for name, model in self.models.items()}
        return {"run": plain(run), "shown": shown, "called": list(CALLED)}


def plain(value: Any) -> Any:
    """What an object of Agno is as JSON."""
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "value") and not isinstance(value, (str, int, float, bool)):
        return value.value
    return value


def main() -> None:
    driver = Driver()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"result": getattr(driver, command["method"])(**command["arguments"])}
        except Exception as error:
            answer = {"error": {"type": type(error).__name__, "message": str(error)}}
        ANSWERS.write(json.dumps(answer, default=str) + "\n")
        ANSWERS.flush()


main()
