"""What used cars are sold for: a regression on the data set that the package nannyml brings, with late labels."""
