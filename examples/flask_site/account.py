"""Logging in and out, with a session in a signed cookie."""

from __future__ import annotations

import hmac

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

# One visitor, for show. A real site has a user table with password hashes.
NAME = "ada"
PASSWORD = "lovelace"

blueprint = Blueprint("account", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("login.html", failed=False)
    name = request.form.get("name", "")
    password = request.form.get("password", "")
    if name != NAME or not hmac.compare_digest(password.encode(), PASSWORD.encode()):
        return render_template("login.html", failed=True), 403
    session.clear()
    session["user"] = name
    return redirect(url_for("account.show"))


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    session.clear()
    return redirect(url_for("pages.home"))


@blueprint.get("/account")
def show() -> ResponseReturnValue:
    """For those who are logged in: how often this page was seen since."""
    if "user" not in session:
        return redirect(url_for("account.login"))
    session["visits"] = session.get("visits", 0) + 1
    return render_template("account.html", user=session["user"], visits=session["visits"])
