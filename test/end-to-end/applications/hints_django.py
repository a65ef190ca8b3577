"""Early hints by Django: the paths of `hints.py`."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from hints import give_hints

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="the tests have no secrets",
)


def view(request: HttpRequest) -> HttpResponse:
    content = give_hints(request.path, request.environ)
    return HttpResponse(content, content_type="text/plain")


urlpatterns = [re_path("", view)]

app = get_wsgi_application()
