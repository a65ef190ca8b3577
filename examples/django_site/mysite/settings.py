"""Settings of a site without a database: sessions live in signed cookies."""

from __future__ import annotations

import os
import secrets

# Without SITE_SECRET_KEY, visitors are logged out by a restart.
SECRET_KEY = os.environ.get("SITE_SECRET_KEY") or secrets.token_hex(32)
DEBUG = False
ALLOWED_HOSTS = os.environ.get("SITE_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = ["notes"]
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True

# Exceptions in views go to standard error, which is the server's log. Django's default mails them.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}

USE_TZ = True
