"""denglu (登录): a member login service."""

__version__ = "0.1.0"
