"""The examples of PayU's documentation of the Payouts API, as they stand there."""

from __future__ import annotations

REQUEST = """
{"transfers": [
  {"value": 1500000,
   "bankAccount": {"supplierType": "RELATED_THIRD_PARTY", "accountNumber": 2198922910000,
     "bankCode": "007", "accountType": "CC", "country": "CO", "documentNumber": 1026304116,
     "documentType": "CC", "expeditionDate": "1996-05-17", "fullName": "Santiago Romero Pineda",
     "birthDate": "1975-03-07", "merchantId": 510608},
   "description": "Primer pago"},
  {"value": 2000000,
   "bankAccount": {"supplierType": "RELATED_PROVIDER", "accountNumber": 2198922910330,
     "bankCode": "8", "accountType": "CA", "country": "CO", "documentNumber": 102688116,
     "documentType": "CC", "expeditionDate": "2001-05-17", "fullName": "Juan Perez",
     "birthDate": "1985-04-17", "merchantId": 510608},
   "description": "Pago de suministros"},
  {"value": 4500000,
   "bankAccount": {"id": "e202507e-5551-4b67-be2a-a2a834bf1438"},
   "description": "Pago a proveedor registrado"}
]}
"""

ANSWER = """
{"totalSuccessful": 2, "totalFailed": 1,
 "successfulItems": [
  {"processingStatus": "SUCCESS", "paymentOrderId": "7202a9a7-ef51-4202-bd23-e604f9cbb25b",
   "value": 1500000.00,
   "bankAccount": {"processingStatus": "SUCCESS", "id": "e202507e-5551-4b67-be2a-a2a834bf1438",
     "supplierType": "RELATED_THIRD_PARTY", "accountNumber": "2198922910000", "bankCode": "007",
     "bankName": "BANCOLOMBIA", "accountType": "CC", "country": "CO",
     "documentNumber": "1026304116", "documentType": "CC",
     "expeditionDate": "1996-05-16T05:00:00.000+00:00", "fullName": "Santiago Romero Pineda",
     "birthDate": "1975-03-06T05:00:00.000+00:00", "state": "ACTIVE"},
   "description": "Primer pago"},
  {"processingStatus": "SUCCESS", "paymentOrderId": "32740b81-5ecc-466c-bc09-699e6e5ceefb",
   "value": 4500000.00,
   "bankAccount": {"processingStatus": "SUCCESS", "id": "8f425a79-3f15-4e64-a1bf-2f7c087587ec",
     "supplierType": "RELATED_THIRD_PARTY", "accountNumber": "0200005555", "bankCode": "013",
     "bankName": "BBVA COLOMBIA", "accountType": "CA", "country": "CO",
     "documentNumber": "81856522", "documentType": "CC",
     "expeditionDate": "2002-02-17T05:00:00.000+00:00", "fullName": "Jorge Gutierrez",
     "birthDate": "1986-02-11T05:00:00.000+00:00", "state": "ACTIVE"},
   "description": "Pago a proveedor registrado"}],
 "failedItems": [
  {"processingStatus": "FAILED",
   "failureMessages": ["There is no registered bank with code: 8"], "value": 2000000,
   "bankAccount": {"processingStatus": "FAILED", "supplierType": "RELATED_PROVIDER",
     "accountNumber": "2198922910330", "bankCode": "8", "accountType": "CA", "country": "CO",
     "documentNumber": "102688116", "documentType": "CC",
     "expeditionDate": "2001-05-17T00:00:00.000+00:00", "fullName": "Juan Perez",
     "birthDate": "1985-04-17T00:00:00.000+00:00"},
   "description": "Pago de suministros"}]}
"""

WEBHOOK_REQUEST = """
{"accountId": 1, "callbackUrl": "https://wwww.callbackurltest.com/",
 "description": "Web Hook For Test Swagger",
 "enabledEvents": ["TRANSFER_UPDATE", "TRANSFER_CREATION", "VALIDATION_RESULT"]}
"""

WEBHOOK_ANSWER = """
{"processingStatus": "SUCCESS", "id": "256dd74e-9187-4efb-8238-fa29bf8f587a",
 "created": "2021-08-27T21:57:28.874+00:00", "accountId": 1,
 "callbackUrl": "https://wwww.callbackurltest.com/", "description": "Web Hook For Test Swagger",
 "enabledEvents": ["TRANSFER_UPDATE", "TRANSFER_CREATION", "VALIDATION_RESULT"],
 "status": "ENABLED"}
"""

DELETED = """
{"processingStatus": "SUCCESS", "id": "054e0fc5-a025-4a00-b666-95673c11dee1", "status": "DELETED"}
"""

CANCEL_REQUEST = """
{"comments": "Solicitud de cancelación del Payout",
 "pushPaymentId": "1f92a225-9559-4b7f-9739-e6bb27b8b838"}
"""

CANCEL_ANSWER = """{"message": "Cancellation request received"}"""
