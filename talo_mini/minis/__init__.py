"""The minis that ship with the package: their architectures, lessons, training and cards."""
