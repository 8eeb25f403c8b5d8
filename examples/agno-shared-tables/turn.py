"""One turn of an Agno agent: `python turn.py FILE SESSION USER QUESTION`. Prints what it answers."""

import os
import sys

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.base import Model
from agno.models.response import ModelResponse


class Listener(Model):
    """Stands in for a language model, so that the example needs no key: it says what it was told."""

    def invoke(self, *args, messages, **kwargs):
        told = [message.content for message in messages if message.role == "user"]
        return ModelResponse(role="assistant", content="You said: " + " ".join(told))

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


def main(file: str, session_id: str, user_id: str, question: str) -> None:
    agent = Agent(
        id="assistant",
        model=Listener(id="listener"),
        db=SqliteDb(db_url=f"sqlite:///{file}"),
        add_history_to_context=True,
        telemetry=False,
    )
    print(agent.run(question, session_id=session_id, user_id=user_id).content)


main(*sys.argv[1:])
