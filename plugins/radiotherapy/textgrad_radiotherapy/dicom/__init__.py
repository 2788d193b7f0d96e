"""DICOM RT: read CT, RTSTRUCT, RTPLAN and RTDOSE; write CT, RTSTRUCT, RTPLAN and RTDOSE."""

from textgrad_radiotherapy.dicom.exporting import Exported, Part, export_folder
from textgrad_radiotherapy.dicom.importing import case_of
from textgrad_radiotherapy.dicom.patient import Patient
from textgrad_radiotherapy.dicom.reading import DicomParts, read_folder
from textgrad_radiotherapy.dicom.rtdose import DoseVolume, read_dose

__all__ = [
    "DicomParts",
    "DoseVolume",
    "Exported",
    "Part",
    "Patient",
    "case_of",
    "export_folder",
    "read_dose",
    "read_folder",
]
