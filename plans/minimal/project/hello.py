"""Says hello."""


def main():
    """Prints the greeting."""
    print("hello")


if __name__ == "__main__":
    main()
