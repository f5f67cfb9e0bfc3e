"""Make src/denglu/security/data/common_passwords.txt.gz from two published lists and rules.

Needs the packages whose lists are read, best in a virtual environment of its own:

    pip install zxcvbn==4.5.0 django==5.2.19
    python scripts/make_common_passwords.py

The lists are taken whole; what the length rule refuses anyway is left out. To them come the
habits of Chinese members, made by rule. The output is the same bytes for the same input.
"""

import gzip
import importlib
import string
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import product
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "src/denglu/security/data/common_passwords.txt.gz"
SHORTEST, LONGEST = 8, 128

LOVE = "520 521 1314 13145 520520 521521 5201314 5211314 1314520 1314521 7758521 7758258 584520"
DIGITS = (
    "0 1 2 3 5 6 8 9 00 01 11 12 66 88 99 000 001 111 123 147 159 168 222 233 258 321 333 369 "
    "456 555 666 678 777 789 886 888 911 987 999 1111 1212 1234 1357 2468 3344 4321 6666 6868 "
    "8888 9527 9999 10086 12306 12345 54321 66666 88888 99999 111111 112233 123123 123321 "
    "123456 147258 159357 168168 456456 456789 520123 654321 666666 888888 987654 999999 "
    "1234567 12345678 123456789 1234567890 7654321 87654321 987654321"
)
YEARS = " ".join(str(year) for year in range(1960, 2031))
PINYIN = (
    "woaini woaiwo woaiwojia woaita woxiangni wodemima wodejia woshishui woshiwo wobuzhidao "
    "woshinidie buzhidao mima mimamima dengludenglu denglu zhuce zhanghao nihao nihaoma "
    "haohaoxuexi tiantianxiangshang xiexie zaijian duibuqi meiguanxi wangjile aini ainiyiwannian "
    "ainiyibeizi yishengyishi shengrikuaile xinniankuaile gongxifacai wanshiruyi pingan "
    "zhongguo zhonghua beijing shanghai guangzhou shenzhen hangzhou nanjing chengdu chongqing "
    "wuhan xian tianjin suzhou changsha qingdao dalian xiamen taiwan xianggang aomen "
    "baobao baobei baby laopo laogong laoba laoma baba mama yeye nainai jiejie meimei gege didi "
    "xiaoming xiaohong xiaogang xiaoli xiaoxiao xiaobai xiaohei xiaoyu xiaolong dahai dage "
    "tiantian lele leilei lili lingling mengmeng nana ningning pingping qianqian tingting "
    "weiwei xinxin yangyang yaya yuanyuan yueyue yingying jiajia juanjuan dandan fangfang "
    "wangwei wangfang wangli wanglei wangjing wangyan wangyong wangqiang zhangwei zhangli "
    "zhangmin zhangjing zhangyong zhangjie zhanglei zhangqiang zhangsan liwei lijing lina lili "
    "lijie liming lisi liuwei liuyang liujing liufang chenjing chenwei chenchen yangyang yangfan "
    "huangwei zhaoyang zhouwei wuwei xuwei sunwei mawei hewei gaowei linfeng "
    "dandan huang chen zhang wang zhao zhou liu sun lin guo "
    "taobao zhifubao weixin wechat weibo alibaba tengxun tencent baidu jingdong douyin "
    "mingtian jintian zuotian xingfu kuaile pengyou tongxue laoshi xuesheng gongsi shouji diannao "
    "qwe qaz asd zxc abc abcd aaa aa qq wo a q w z admin root test user guest login"
)


def chinese_habits() -> Iterator[str]:
    """Pinyin with numbers, numbers that sound like love, and the runs of a number pad."""
    love, tails = LOVE.split(), [*LOVE.split(), *DIGITS.split(), *YEARS.split()]
    for word in dict.fromkeys(PINYIN.split()):
        yield from (
            word,
            word * 2,
            *(word + tail for tail in tails),
            *(head + word for head in love),
        )
    for letter, number in product(string.ascii_lowercase, [*love, "123456", "1234567", "12345678"]):
        yield from (letter + number, number + letter)
    yield from (left + right for left, right in product(love, tails))


def number_runs() -> Iterator[str]:
    """11111111, 12121212, 12312312, 66668888, 34567890 and their like."""
    for digit, length in product(string.digits, range(SHORTEST, 17)):
        yield digit * length
    for left, right in product(string.digits, repeat=2):
        yield from (
            (left + right) * 4,
            (left + right) * 5,
            left * 4 + right * 4,
            left * 5 + right * 3,
        )
    for block in range(10_000):
        yield f"{block:04}" * 2
    for block in range(1_000):
        yield from (f"{block:03}" * 3, f"{block:03}" * 4)
    up = string.digits * 3
    for line, start, length in product((up, up[::-1]), range(10), range(SHORTEST, 13)):
        yield line[start : start + length]


def published() -> Iterator[str]:
    """zxcvbn's list by frequency and Django's list."""
    yield from importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS["passwords"]
    packed = resources.files("django") / "contrib/auth/common-passwords.txt.gz"
    yield from gzip.decompress(packed.read_bytes()).decode().split()


def fitting(words: Iterable[str]) -> list[str]:
    """Lower case, sorted, once each; without what is too short, too long or mojibake."""
    lower = {word.lower() for word in words if word.isascii() and word.isprintable()}
    return sorted(word for word in lower if SHORTEST <= len(word) <= LONGEST and " " not in word)


def main() -> int:
    """Write the list and say how long it is."""
    words = fitting([*published(), *chinese_habits(), *number_runs()])
    lines = "".join(f"{word}\n" for word in words).encode()
    OUTPUT.write_bytes(gzip.compress(lines, 9, mtime=0))
    print(f"{len(words)} words, {len(lines)} bytes, {OUTPUT.stat().st_size} packed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
