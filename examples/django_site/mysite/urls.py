"""The site's paths. All of them are the app's."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include("notes.urls"))]

handler404 = "notes.views.not_found"
