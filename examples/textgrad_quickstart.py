"""A program written for TextGrad; `import textgrad as tg` is the only line that was changed.

Two loops: one improves a model's answer, the other the system prompt behind a batch of answers.
It needs no key: the engine below is a script that plays a language model, so it shows how the
program runs, not how well a model writes. Give the name of a model in place of ``Actor()`` to
run it for real. Run it with: python examples/textgrad_quickstart.py
"""

import re

import textgrad_core as tg


class Actor:
    """Plays the language model: any object with `generate` is an engine."""

    def generate(self, prompt: str, system_prompt: str | None = None) -> str:
        """What the model says in each part it has to play."""
        tag = re.search(r"<VALUE-\w+>", prompt)
        if tag is not None:  # it is to write a new value
            better = "Work step by step, then answer." if "instruction" in prompt else "2 hours."
            return f"{tag[0]}{better}{tag[0].replace('<', '</')}"
        if "feedback" in (system_prompt or ""):
            return "Ask for the steps." if "instruction" in prompt else "They dry side by side."
        if "critic" in (system_prompt or ""):
            return "The answer takes drying for work that is done shirt after shirt."
        return (
            "4 hours." if "step by step" not in (system_prompt or "") else "2 hours, because ..."
        )


def improve_an_answer() -> str:
    """The answer itself is the parameter."""
    model = tg.BlackboxLLM(Actor())
    question = tg.Variable(
        "Three shirts on a line are dry after 2 hours. How long do six shirts take?",
        role_description="question to the model",
        requires_grad=False,
    )
    answer = model(question)
    answer.set_role_description("short and right answer to the question")
    print("before:", answer.value)

    optimizer = tg.TGD(parameters=[answer])
    loss_fn = tg.TextLoss("You are a critic. Say where the answer goes wrong, in one sentence.")
    loss = loss_fn(answer)
    loss.backward()
    optimizer.step()
    print("after: ", answer.value)
    return str(answer.value)


def improve_a_system_prompt() -> str:
    """The system prompt is the parameter; the calls of the batch run at the same time."""
    system_prompt = tg.Variable(
        "Answer.", role_description="instruction for a model that solves riddles"
    )
    model = tg.BlackboxLLM(Actor(), system_prompt=system_prompt)
    optimizer = tg.TGD(parameters=list(model.parameters()))
    loss_fn = tg.TextLoss("You are a critic. Say where the answer goes wrong, in one sentence.")
    riddles = ["six shirts?", "nine shirts?", "one shirt?"]

    optimizer.zero_grad()
    losses = []
    for riddle in riddles:
        x = tg.Variable(riddle, role_description="riddle", requires_grad=False)
        losses.append(loss_fn(model(x)))
    total_loss = tg.sum(losses)
    total_loss.backward()
    optimizer.step()
    print("prompt:", system_prompt.value)
    return str(system_prompt.value)


if __name__ == "__main__":
    tg.set_backward_engine(Actor(), override=True)
    improve_an_answer()
    improve_a_system_prompt()
