"""`mediacluster demo`: a sample gallery."""

import os
from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import print_json
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.cli.processes import with_address
from backend.settings import cache_folder, load_settings

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.BEGIN)
def demo(
    once: Annotated[bool, typer.Option("--once", help="End when the gallery is ready, without serving.")] = False,
    as_json: Json = False,
    count: Annotated[int, typer.Option(min=20, max=2000, help="Pictures in the gallery.")] = 300,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache",
            help="Draw all pictures, and keep none. By default they are kept for other homes in ~/.cache/mediacluster/gallery, "
            "which you can delete at any time.",
        ),
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to.")] = None,
) -> None:
    """Create a demo gallery, import it, show groups and a recommendation, and serve the API."""
    from backend.encoders import require_demo

    require_demo()  # before the gallery is imported
    from backend.bootstrap import build_services
    from backend.cli.demo_run import print_demo, require_demo_home, run_demo
    from backend.cli.servers import (
        ending_in_order,
        prepare_database,
        require_free_port,
        require_safe_address,
        run_api,
        running_servers,
        running_vector_service,
        running_workers,
    )

    # Set in the environment, because the workers read it too.
    os.environ["MEDIACLUSTER_PRESET"] = "demo"
    settings = with_address(load_settings(), host, port)
    if not once:
        require_safe_address(settings)
        require_free_port(settings)
    with ending_in_order(), running_servers(settings, stop=True):
        prepare_database(settings)
        services = closing(build_services(settings))
        require_demo_home(services)
        with running_workers(services):
            keep_in = None if no_cache else cache_folder() / "gallery"
            result, members = run_demo(services, count, keep_in=keep_in, quiet=as_json)
            if as_json:
                print_json(asdict(result))
            else:
                print_demo(result, members)
            if not once:
                with running_vector_service(settings):
                    run_api(settings, login_link=True)
