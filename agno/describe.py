"""Prints as JSON what a release of Agno stores: tables, keys of its models, names of events, encodings."""

import dataclasses
import importlib
import inspect
import json
import os
import re
import tempfile

os.environ["AGNO_TELEMETRY"] = "false"

# What Agno prints as it is imported must not stand beside the answer.
ANSWER = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

MODULES = """agno.run.base agno.run.agent agno.run.team agno.run.workflow agno.run.requirement agno.models.message
agno.models.metrics agno.metrics agno.media agno.media.media agno.media.reference agno.reasoning.step agno.workflow.types
agno.session.agent agno.session.team agno.session.workflow agno.session.summary""".split()
# Of modules with much else.
CLASSES = {
    "agno.models.response": ["ToolExecution"],
    "agno.tools.function": ["UserInputField", "UserFeedbackOption", "UserFeedbackQuestion"],
}


def module(name: str):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def keys_of(model) -> dict[str, str] | None:
    if dataclasses.is_dataclass(model):
        return {field.name: type_of(field.type) for field in dataclasses.fields(model)}
    fields = getattr(model, "model_fields", None)
    return None if fields is None else {name: type_of(field.annotation) for name, field in fields.items()}


def type_of(annotation) -> str:
    """Without the modules, which move."""
    plain = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b[a-z_]+\.", "", plain)


def models() -> dict:
    found = {}
    for name in MODULES + list(CLASSES):
        loaded = module(name)
        for label, model in inspect.getmembers(loaded, inspect.isclass) if loaded else []:
            wanted = CLASSES.get(name)
            if model.__module__ == name and (wanted is None or label in wanted) and keys_of(model):
                # Some names are used for an agent, a team and a workflow.
                found[f"{name.rsplit('.', 1)[-1]}.{label}"] = keys_of(model)
    return found


def tables(dialect: str) -> dict:
    schemas = module(f"agno.db.{dialect}.schemas")
    found = {}
    for name, value in vars(schemas).items() if schemas else []:
        if name.endswith("_TABLE_SCHEMA") and isinstance(value, dict):
            found[name.removesuffix("_TABLE_SCHEMA").lower()] = columns_of(value)
        elif name.startswith("_get_") and name.endswith("_table_schema"):
            found[name.removeprefix("_get_").removesuffix("_table_schema")] = columns_of(value())
        elif name.endswith("_TABLE_SCHEMAS") and isinstance(value, dict):
            found |= {str(table): columns_of(schema) for table, schema in value.items()}
    return found


def columns_of(schema: dict) -> dict[str, str]:
    columns = {}
    for name, column in schema.items():
        if isinstance(column, dict) and "type" in column:
            kind = column["type"]
            kind = kind() if inspect.isfunction(kind) else kind
            parts = [getattr(kind, "__name__", None) or repr(kind)]
            parts += [word for word in ("primary_key", "unique", "foreign_key", "ondelete") if column.get(word)]
            parts += ["not null"] if column.get("nullable") is False else []
            columns[name] = " ".join(parts)
    return columns


def events() -> dict[str, list[str]]:
    registries = {
        "agent": ("agno.run.agent", "RUN_EVENT_TYPE_REGISTRY"),
        "team": ("agno.run.team", "TEAM_RUN_EVENT_TYPE_REGISTRY"),
        "workflow": ("agno.run.workflow", "WORKFLOW_RUN_EVENT_TYPE_REGISTRY"),
    }
    return {kind: sorted(getattr(module(name), registry)) for kind, (name, registry) in registries.items()}


def values() -> dict[str, list[str]]:
    from agno.db.base import SessionType
    from agno.media import File
    from agno.run.base import RunStatus

    return {
        "status of a run": [status.value for status in RunStatus],
        "type of a session": [kind.value for kind in SessionType],
        "type of a file": sorted(File.valid_mime_types()),
    }


def encodings() -> dict[str, str]:
    """How the JSON columns of a session and of a run look on SQLite, where nothing but text can tell."""
    from agno.db.sqlite import SqliteDb
    from agno.models.message import Message
    from agno.run.agent import RunOutput
    from agno.session.agent import AgentSession
    from sqlalchemy import text

    with tempfile.TemporaryDirectory() as folder:
        db = SqliteDb(db_url=f"sqlite:///{folder}/agno.db")
        run = RunOutput(run_id="r", agent_id="a", session_id="s", messages=[Message(role="user", content="é")])
        session = AgentSession(session_id="s", agent_id="a", user_id="u", runs=[run])
        session.session_data = session.metadata = {"a": "é"}
        db.upsert_session(session)
        found = {}
        with db.Session() as connection:
            columns = ["session_data", "agent_data", "team_data", "metadata", "summary"]
            if hasattr(db, "upsert_run"):
                db.upsert_run(run, session_id="s", user_id="u")
                data = connection.execute(text("select run_data from agno_runs")).scalar()
                found["run_data"] = encoding(data)
            else:
                columns.append("runs")
            row = connection.execute(text(f"select {', '.join(columns)} from agno_sessions")).one()
            for name, value in zip(columns, row):
                found[name] = encoding(value)
            versions = connection.execute(text("select table_name, version from agno_schema_versions")).all()
            found |= {f"version of {name}": version for name, version in versions}
        db.db_engine.dispose()
        return found


def encoding(value) -> str:
    if value is None:
        return "SQL NULL"
    parsed, wraps = json.loads(value), 0
    while isinstance(parsed, str):
        parsed, wraps = json.loads(parsed), wraps + 1
    escapes = ", with escapes" if "\\u" in value else ""
    return f"{type(parsed).__name__} in {wraps + 1} layer(s){escapes}"


def described(part, *arguments):
    """A part that a release does not have, or has differently, must not hide the others."""
    try:
        return part(*arguments)
    except Exception as error:
        return {"cannot be told": f"{type(error).__name__}: {error}"}


def main() -> None:
    description = {
        "tables on SQLite": described(tables, "sqlite"),
        "tables on Postgres": described(tables, "postgres"),
        "tables on MySQL": described(tables, "mysql"),
        "models": described(models),
        "events": described(events),
        "values": described(values),
        "encodings on SQLite": described(encodings),
    }
    json.dump(description, ANSWER, indent=2, sort_keys=True)
    ANSWER.write("\n")
    ANSWER.flush()


main()
