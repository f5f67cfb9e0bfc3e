"""Telling people from machines where somebody is suspicious. Imports the domain and ports only.

``pow`` needs nobody; ``aliyun``, ``tencent`` and ``geetest`` ask a service, on threads of their
own (``asked``). Which tokens were spent is for the flows to remember.
"""

from denglu.captcha.opening import OpenedCaptcha, endpoint_of, open_captcha

__all__ = ["OpenedCaptcha", "endpoint_of", "open_captcha"]
