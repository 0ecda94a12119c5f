"""`python -m tidemill_car_price`."""

from tidemill_car_price.command import main

if __name__ == "__main__":
    main()
