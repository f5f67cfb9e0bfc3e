"""What `captcha_required` shows in `data.captcha`, for the API document: one of these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Hex = Annotated[str, Field(pattern="^[0-9a-f]+$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PowParameters(_Closed):
    """ALTCHA, proof of work version 2."""

    algorithm: Literal["SHA-256"]
    cost: Literal[1]
    keyLength: Literal[32]
    nonce: Hex
    salt: Hex
    keyPrefix: Hex = Field(
        description="What SHA-256(salt + nonce + counter) must begin with. 结果的开头"
    )
    expiresAt: int = Field(description="Unix seconds. 有效期至")


class PowChallenge(_Closed):
    """To be sent back as it is, beside the solution."""

    parameters: PowParameters
    signature: Hex


class PowCaptcha(_Closed):
    """Compute something: see docs/captcha.md."""

    kind: Literal["pow"]
    challenge: PowChallenge


class AliyunCaptcha(_Closed):
    """Show Alibaba Cloud's; the token is its captchaVerifyParam."""

    kind: Literal["aliyun"]
    scene_id: str
    prefix: str


class TencentCaptcha(_Closed):
    """Show Tencent's; the token is JSON text: ticket and randstr."""

    kind: Literal["tencent"]
    app_id: str


class GeetestCaptcha(_Closed):
    """Show Geetest's; the token is what getValidate() gives, as JSON text."""

    kind: Literal["geetest"]
    captcha_id: str


class PluginCaptcha(BaseModel):
    """A plugin's, which says what else there is."""

    model_config = ConfigDict(extra="allow")
    kind: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]


Captcha: Any = PowCaptcha | AliyunCaptcha | TencentCaptcha | GeetestCaptcha | PluginCaptcha

EXAMPLE: dict[str, Any] = {
    "kind": "pow",
    "challenge": {
        "parameters": {
            "algorithm": "SHA-256",
            "cost": 1,
            "keyLength": 32,
            "nonce": "5d41402abc4b2a76b9719d911017c592",
            "salt": "7d793037a0760186574b0282f2f435e7",
            "keyPrefix": "9e107d9d372bb6826bd81d3542a419d6",
            "expiresAt": 1767225720,
        },
        "signature": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    },
}
