"""The pages: home, about, a form, an upload, a download, a stream, and those that show errors."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .forms import ContactForm, UploadForm

TIDES = Path(__file__).parent / "files" / "tides.csv"
PLAIN_TEXT = "text/plain; charset=utf-8"
STREAM_LINES = 4
STREAM_PAUSE_SECONDS = 0.2


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "about.html")


@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """A form: shown again with what is wrong, or followed by a redirect (POST, redirect, GET)."""
    if request.method != "POST":
        thanks = request.session.pop("thanks", None)
        return render(request, "contact.html", {"form": ContactForm(), "thanks": thanks})
    form = ContactForm(request.POST)
    if not form.is_valid():
        return render(request, "contact.html", {"form": form}, status=422)
    request.session["thanks"] = form.cleaned_data["name"]
    return redirect("notes:contact")


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Takes a file and reports on it, without ever holding all of it."""
    if request.method != "POST":
        return render(request, "upload.html", {"form": UploadForm()})
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "upload.html", {"form": form}, status=422)
    file = form.cleaned_data["file"]
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    report = {"name": file.name, "size": file.size, "sha256": digest.hexdigest()}
    return render(request, "upload.html", {"form": UploadForm(), "report": report})


@require_safe
def download(_request: HttpRequest) -> FileResponse:
    return FileResponse(TIDES.open("rb"), as_attachment=True, content_type="text/csv")


@require_safe
def stream(_request: HttpRequest) -> StreamingHttpResponse:
    """Sends lines as they are made."""
    return StreamingHttpResponse(slow_lines(), content_type=PLAIN_TEXT)


def slow_lines() -> Iterator[str]:
    for number in range(1, STREAM_LINES + 1):
        if number > 1:
            time.sleep(STREAM_PAUSE_SECONDS)
        yield f"line {number}\n"


@require_safe
def greet(_request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"Hällo, {name}!\n", content_type=PLAIN_TEXT)


@require_safe
def moved(_request: HttpRequest) -> HttpResponse:
    return redirect("notes:home", permanent=True)


@require_safe
def fail(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("this view always fails")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers what no path matches; Django calls it by the name in `mysite.urls`."""
    return render(request, "not_found.html", status=404)
