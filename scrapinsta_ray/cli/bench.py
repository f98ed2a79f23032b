"""`scrapinsta bench`."""

from typing import Annotated

import typer

from scrapinsta_ray.cli.options import AsJson

app = typer.Typer()


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="One of `bench list`; `all` of them; `list`.")],
    as_json: AsJson = False,
    quick: Annotated[bool, typer.Option("--quick", help="Less load, under a minute.")] = False,
) -> None:
    """Measures this machine against its own floor; exit code 1 if a bar is missed."""
    from scrapinsta_ray.bench import command

    if name == "list":
        command.show_list(as_json)
        return
    try:
        raise typer.Exit(command.run(name, quick=quick, as_json=as_json))
    except LookupError as unknown:
        raise typer.BadParameter(str(unknown.args[0])) from None
