"""The app's paths."""

from __future__ import annotations

from django.urls import path

from . import accounts, api, views

app_name = "notes"

urlpatterns = [
    path("", views.home, name="home"),
    path("about", views.about, name="about"),
    path("contact", views.contact, name="contact"),
    path("upload", views.upload, name="upload"),
    path("files/tides.csv", views.download, name="download"),
    path("stream", views.stream, name="stream"),
    path("hällo/<path:name>", views.greet, name="greet"),
    path("old", views.moved, name="moved"),
    path("raise", views.fail, name="fail"),
    path("login", accounts.login, name="login"),
    path("logout", accounts.logout, name="logout"),
    path("account", accounts.account, name="account"),
    path("api/words", api.words, name="words"),
]
