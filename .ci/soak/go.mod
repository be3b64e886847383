module soak

go 1.26.0
