"""django-allauth headless as its documentation sets it up: the app client with session tokens,
PostgreSQL, every default as it ships. ``python -m peer NAME PASSWORD`` prepares, gunicorn serves.

With ``BENCH_TOKENS=jwt`` it is served with its other strategy: signed access tokens, and refresh
tokens that hold once, at that strategy's defaults (RS256).
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

# Its tokens name these two as parts of a package that nobody has imported by then.
import cryptography.hazmat.primitives.ciphers
import cryptography.hazmat.primitives.serialization  # noqa: F401
from django.conf import settings
from django.urls import include, path

database = urlsplit(os.environ["BENCH_DATABASE_URL"])
KEY = Path("jwt.pem")
tokens = {}
if os.environ["BENCH_TOKENS"] == "jwt":
    tokens = {
        "HEADLESS_TOKEN_STRATEGY": "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy",
        "HEADLESS_JWT_PRIVATE_KEY": KEY.read_text(),
    }
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
    **tokens,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
urlpatterns = [path("_allauth/", include("allauth.headless.urls"))]

if __name__ == "__main__":
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from django.core.management import call_command

    key = generate_private_key(public_exponent=65537, key_size=2048)
    KEY.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_user(sys.argv[1], password=sys.argv[2])
