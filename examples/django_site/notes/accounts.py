"""Logging in and out, with a session in a signed cookie."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .forms import LoginForm


@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "login.html", {"form": LoginForm()})
    form = LoginForm(request.POST)
    if not form.is_valid():
        return render(request, "login.html", {"form": form}, status=403)
    request.session.cycle_key()
    request.session["user"] = form.cleaned_data["name"]
    return redirect("notes:account")


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return redirect("notes:home")


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """For those who are logged in: how often this page was seen since."""
    if "user" not in request.session:
        return redirect("notes:login")
    visits = request.session.get("visits", 0) + 1
    request.session["visits"] = visits
    return render(request, "account.html", {"user": request.session["user"], "visits": visits})
