"""What is asked at each stage: data, price of a solution, and the limits a solution must keep."""
