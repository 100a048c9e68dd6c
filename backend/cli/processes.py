"""`mediacluster up`, `serve`, `worker`, `beat`, `vectors` and `stop`: processes of a library."""

from typing import Annotated, Literal

import typer

from backend.cli.console import console
from backend.cli.panels import Panel
from backend.settings import Settings, load_settings

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.BEGIN)
def up(
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to.")] = None,
) -> None:
    """Serve the API and run workers, the clock and a vector service. Ctrl-C stops all of them."""
    from backend.cli.servers import (
        ending_in_order,
        prepare_database,
        require_free_port,
        require_safe_address,
        run_api,
        running_servers,
        running_vector_service,
    )
    from backend.supervision import Supervisor

    settings = with_address(load_settings(), host, port)
    require_safe_address(settings)
    require_free_port(settings)
    with ending_in_order(), running_servers(settings, stop=True):
        prepare_database(settings)
        with Supervisor(settings.home_path), running_vector_service(settings):
            run_api(settings, login_link=True)


@commands.command(rich_help_panel=Panel.PROCESSES)
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to.")] = None,
) -> None:
    """Serve the API, and run a vector service for this host unless one runs."""
    from backend.cli.servers import (
        ending_in_order,
        require_free_port,
        require_safe_address,
        run_api,
        running_vector_service,
    )

    settings = with_address(load_settings(), host, port)
    require_safe_address(settings)
    require_free_port(settings)
    with ending_in_order(), running_vector_service(settings):
        run_api(settings)


@commands.command(rich_help_panel=Panel.PROCESSES)
def worker(
    role: Annotated[Literal["all", "embed", "light"], typer.Option(help="Kind of work to run.")] = "all",
) -> None:
    """Run one worker: `embed` for the encoders, `light` for everything else."""
    from backend.bootstrap import build_services
    from backend.cli.servers import become_celery, require_own_encoders

    settings = load_settings()
    services = build_services(settings)
    try:
        require_own_encoders(services)
    finally:
        services.database.dispose()
    become_celery(role, settings)


@commands.command(rich_help_panel=Panel.PROCESSES)
def beat() -> None:
    """Run the clock that finds forgotten work. Run one per library."""
    from backend.cli.servers import become_celery

    become_celery("beat", load_settings())


@commands.command(rich_help_panel=Panel.PROCESSES)
def vectors() -> None:
    """Run the vector service of this host, which keeps vectors and encoders once for all processes."""
    from backend.cli.vector_server import run_vector_service

    run_vector_service(load_settings())


@commands.command(rich_help_panel=Panel.PROCESSES)
def stop() -> None:
    """Stop the embedded servers."""
    from backend.embedded import stop_servers

    stopped = stop_servers(load_settings().home_path)
    for name, ran in (("Postgres", stopped.postgres), ("Redis", stopped.redis)):
        console.print(f"{name} {'stopped' if ran else 'was not running'}.")


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("api_host", host), ("api_port", port)) if value is not None}
    return settings.model_copy(update=given)
