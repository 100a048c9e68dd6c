"""What every process of Celery does here: it logs as the settings say, and ends with its supervisor."""

from celery.signals import beat_init, celeryd_init, setup_logging

from backend.logs import configure_logging
from backend.settings import forbid_writing_by_all, load_settings
from workers.watchdog import end_with_supervisor

forbid_writing_by_all()


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level, settings.secrets)


@celeryd_init.connect
@beat_init.connect
def _end_with_supervisor(**_: object) -> None:
    # As early as possible: a worker that finds no broker goes no further than to wait for one.
    end_with_supervisor()
