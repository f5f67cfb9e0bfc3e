"""``python -m denglu`` is ``denglu``."""

from denglu.cli import main

if __name__ == "__main__":
    main()
