"""What every stage needs: parameters, cells and tables on disk, devices."""
