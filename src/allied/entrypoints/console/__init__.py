"""The web console: what a person sees of an alliance, page by page.

`mount` adds it to an application. Every page asks use cases, never tables, shows only what
concerns the organisation of the session, and works without JavaScript; with it, the page
says when it is no longer live.

    routes      the one table of paths, and what each demands of a visitor
    pages       what each page asks, and which template shows it
    cases       the same for incidents
    door        sessions, cookies, where a request came from
    showing     templates, escaping, times, marks
    assets      style sheet, script and drawings under names that change with their content
    live        the stream that tells an open page that something changed
    timeline    where the marks of a time line go
"""

from __future__ import annotations

from allied.entrypoints.console.routes import Console, mount

__all__ = ["Console", "mount"]
