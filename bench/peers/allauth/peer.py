"""django-allauth headless as its documentation sets it up: the app client with session tokens,
PostgreSQL, every default as it ships. ``python -m peer NAME PASSWORD`` prepares, gunicorn serves.
"""

import os
import sys
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import include, path

database = urlsplit(os.environ["BENCH_DATABASE_URL"])
settings.configure(
    SECRET_KEY="a secret for a benchmark on loopback",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": database.hostname,
            "PORT": database.port,
            "NAME": database.path.strip("/"),
            "USER": database.username,
            "PASSWORD": database.password,
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "allauth",
        "allauth.account",
        "allauth.headless",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    ACCOUNT_LOGIN_METHODS={"username"},
    ACCOUNT_EMAIL_VERIFICATION="none",
    # Its limits would refuse a benchmark from one address, as those of the others would.
    ACCOUNT_RATE_LIMITS=False,
    HEADLESS_ONLY=True,
    USE_TZ=True,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
urlpatterns = [path("_allauth/", include("allauth.headless.urls"))]

if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_user(sys.argv[1], password=sys.argv[2])
