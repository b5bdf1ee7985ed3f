"""ASTM F3411, the standard of remote identification: drones that say where they are.

By network a provider answers with flights in JSON (`network`); by radio a drone broadcasts messages of 25
bytes (`broadcast`), which are put together for each transmitter (`transmitters`).
"""
