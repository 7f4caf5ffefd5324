module postfleet/pause

go 1.24
